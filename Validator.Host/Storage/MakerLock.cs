namespace Validator.Host.Storage;

/// <summary>
/// One maker of a store at a time, whoever each runs as. The lock lies beside the place, and in it too where there is one: a
/// user who cannot write the parent (that of a container's volume) has that one alone.
/// </summary>
internal sealed class MakerLock : IDisposable
{
    /// <summary>The one in the place.</summary>
    public const string Within = "new.lock";

    /// <summary>The result of flock on a file that another process has.</summary>
    private const int LockedResult = 11;

    /// <summary>EROFS.</summary>
    private const int ReadOnlyResult = 30;

    private readonly string _place;
    private FileStream? _beside;
    private FileStream? _within;

    /// <exception cref="IOException">Another has it (<see cref="IsTaken"/>), or neither can be written.</exception>
    public MakerLock(string place)
    {
        _place = place;
        bool there = Directory.Exists(place);
        try
        {
            _beside = Take(place + ".lock");
        }
        catch (Exception e) when (there && IsUnwritable(e))
        {
            // The place alone is ours.
        }

        try
        {
            _within = there ? Take(Path.Combine(place, Within)) : null;
        }
        catch (Exception e) when (_beside is not null && IsUnwritable(e))
        {
            // It is replaced, or nobody can make a store in it.
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Whether the store can be moved to its place; else it is made in there.</summary>
    public bool HasParent => _beside is not null;

    public static bool IsTaken(IOException e) => e.HResult == LockedResult;

    /// <summary>Removes the place if nothing is in it.</summary>
    /// <exception cref="IOException">Another maker was quicker (<see cref="IsTaken"/>).</exception>
    public bool TryRemoveEmptyPlace()
    {
        bool had = _within is not null;
        _within?.Dispose();
        _within = null;
        try
        {
            Directory.Delete(_place);
            return true;
        }
        catch (IOException)
        {
            _within = had ? Take(Path.Combine(_place, Within)) : null;
            return false;
        }
    }

    public void Dispose()
    {
        _within?.Dispose();
        _beside?.Dispose();
    }

    private static FileStream Take(string file) =>
        new(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);

    private static bool IsUnwritable(Exception e) => e is UnauthorizedAccessException || e.HResult == ReadOnlyResult;
}
