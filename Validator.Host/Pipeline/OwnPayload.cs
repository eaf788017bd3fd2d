global using OwnRecord = Validator.Core.Shell.OwnRecord<Validator.Host.Pipeline.OwnPayload>;

using Validator.Host.Storage;

namespace Validator.Host.Pipeline;

/// <summary>What an own vertex has with it on its way.</summary>
internal struct OwnPayload
{
    /// <summary>Its transactions; null for an empty one.</summary>
    public ClientBatch? Batch;

    /// <summary>From the signer on: the whole vertex, with a reference.</summary>
    public HeldVertex? Held;
}
