namespace Validator.Host.Pipeline;

/// <summary>Where a pipeline thread reports that the node cannot go on. The first report decides the exit code.</summary>
internal interface IFaultSink
{
    /// <summary>True once any thread has failed: nothing more is signed, stored or sent.</summary>
    bool Faulted { get; }

    void Fail(int exitCode, string message, Exception? cause = null);
}
