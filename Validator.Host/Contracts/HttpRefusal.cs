namespace Validator.Host.Contracts;

/// <summary>
/// Why a request or connection was turned away before it reached the node; the <c>reason</c> label of its counter.
/// </summary>
public enum HttpRefusal : byte
{
    Connections,
    Rate,
    Unauthorized,
    Forbidden,

    /// <summary>The request names a host that this validator is not.</summary>
    Host,
    CrossOrigin,
    Waiting,
    Subscribers,
    BodyMemory,
    BodyTimeout,
    Malformed,

    /// <summary>It has a parameter, a header or an encoding that this validator does not understand.</summary>
    Form,
}
