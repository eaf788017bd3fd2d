using Validator.Core.Shell;
using Validator.Core.Wire;
using Validator.Net.Buffers;

namespace Validator.Host.Storage;

/// <summary>
/// A vertex with everything known about it. Immutable; shared by the threads that need it, each with a reference to its body.
/// </summary>
/// <param name="Signature">The author's, over the vertex hash.</param>
/// <param name="Frame">Set where the body's buffer holds this vertex's own frame, which may be sent as it is.</param>
internal sealed record HeldVertex(VertexHeader Header, byte[] Signature, VertexBody Body, PooledBuffer? Frame = null) : IHeldVertex
{
    /// <summary>A vertex in arrays of its own, as read from the ledger.</summary>
    public HeldVertex(VertexHeader header, byte[] signature, byte[] payload, byte[] ids)
        : this(header, signature, new VertexBody(payload, ids))
    {
    }

    /// <summary>Framed transactions.</summary>
    public ReadOnlySpan<byte> Payload => Body.Payload.Span;

    /// <summary>32 bytes each.</summary>
    public ReadOnlySpan<byte> Ids => Body.Ids.Span;

    public HeldVertex Retain()
    {
        Body.Retain();
        return this;
    }

    public void Release() => Body.Release();
}
