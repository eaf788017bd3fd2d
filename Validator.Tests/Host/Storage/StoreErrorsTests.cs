using Validator.Host.Storage;

namespace Validator.Tests.Host.Storage;

public class StoreErrorsTests
{
    // Protects operators from the wrong cure: what has run out is named, be it the disk, a quota or descriptors.
    [Theory]
    [InlineData("IO error: No space left on device: While appending to file", StoreFault.DiskFull, "Free some space")]
    [InlineData("IO error: While fdatasync: /d/000012.log: Disk quota exceeded", StoreFault.DiskFull, "or a quota on it")]
    [InlineData("IO error: While open a file for random read: /d/1.sst: Too many open files", StoreFault.InputOutput, "LimitNOFILE=")]
    [InlineData("IO error: While open a file for random read: /d/1.sst: Too many open files in system", StoreFault.InputOutput, "fs.file-max")]
    public void Names_what_has_run_out(string text, StoreFault fault, string advice)
    {
        StoreException error = StoreErrors.Open("/d", text);
        Assert.Equal(fault, error.Fault);
        Assert.Contains(advice, error.Message, StringComparison.Ordinal);
    }
}
