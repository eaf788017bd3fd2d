using Validator.Host.Keys;

namespace Validator.Tests.Host.Keys;

public class SecretFileTests
{
    private const uint File = 0x8000;
    private const uint Us = 1000;
    private const uint Other = 1001;

    // Protects secrets: of all modes, owners and groups, those alone in which nobody but the owner, or root's files and ours a
    // group of this process, can read them; everything else is refused, with the command that mends it.
    [Fact]
    public void Only_the_owner_and_one_group_of_ours_may_read()
    {
        int taken = 0;
        for (uint mode = 0; mode < 0x1000; mode++)
        {
            foreach (uint owner in (uint[])[0, Us, Other])
            {
                foreach (uint ownGroup in (uint[])[0, 1])
                {
                    foreach (uint list in (uint[])[0, 1])
                    {
                        string? fault = SecretFile.Fault(new FileAccessFacts(File | mode, owner, 7, Us, ownGroup, list), "/k");
                        bool owners = (mode & 0xe7f) == 0; // 0000, 0200, 0400, 0600
                        bool groups = (mode & 0xe5f) == 0 && owner != Other && ownGroup == 1 && list == 0; // with 0040
                        Assert.Equal(owners || groups, fault is null);
                        Assert.True(fault is null || fault.Contains("; run: ", StringComparison.Ordinal), fault);
                        taken += fault is null ? 1 : 0;
                    }
                }
            }
        }

        Assert.Equal((4 * 12) + (4 * 2), taken);
    }
}
