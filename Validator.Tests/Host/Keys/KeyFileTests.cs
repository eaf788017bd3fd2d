using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Keys;

namespace Validator.Tests.Host.Keys;

public class KeyFileTests
{
    // Protects private keys: written for the owner alone, read back, never overwritten, refused when others can read them.
    [Fact]
    public void IsForTheOwnerAlone()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("consensus.key");
        byte[] seed = KeyFile.Create(path, KeyPurpose.Consensus);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(seed, KeyFile.Read(path, KeyPurpose.Consensus));
        Assert.Contains("never overwritten", Assert.Throws<KeyException>(() => KeyFile.Create(path, KeyPurpose.Consensus)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        KeyException refused = Assert.Throws<KeyException>(() => KeyFile.Read(path, KeyPurpose.Consensus));
        Assert.Contains("mode 0640 lets others at the private key; run: chmod 0600", refused.Message, StringComparison.Ordinal);
    }

    // Protects against mix-ups: another purpose, version, length or damage is named with its line.
    [Theory]
    [InlineData("purpose: consensus", "purpose: transport", ":2: expected 'purpose: consensus'")]
    [InlineData("validator-key 1", "validator-key 2", ":1: 'validator-key 2' is a format this version does not know")]
    [InlineData("validator-key 1", "ssh-key", ":1: is not a key file")]
    [InlineData("ml-dsa-87", "ed25519", ":3: expected 'algorithm: ml-dsa-87'")]
    [InlineData("seed: ", "seed: zz", ":4: expected 'seed: ' and 64 hexadecimal digits")]
    public void NamesTheDamage(string from, string to, string expected)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("k");
        KeyFile.Create(path, KeyPurpose.Consensus);
        File.WriteAllText(path, File.ReadAllText(path).Replace(from, to, StringComparison.Ordinal));
        Assert.Contains(expected, Assert.Throws<KeyException>(() => KeyFile.Read(path, KeyPurpose.Consensus)).Message, StringComparison.Ordinal);
    }

    // Protects the boundary between the two keys: the consensus key never serves TLS, and foreign keys are refused.
    [Fact]
    public void KeysMustBeTwoAndTheMembers()
    {
        using TemporaryFolder folder = new();
        CryptoSection files = new(folder.File("keys"));
        ValidatorKeys keys = ValidatorKeys.Create(files);
        keys.RequireMember(new Member("a", keys.ConsensusPublicKey, keys.TransportPublicKey, 1), files);
        KeyException foreign = Assert.Throws<KeyException>(
            () => keys.RequireMember(new Member("a", keys.TransportPublicKey, keys.TransportPublicKey, 1), files));
        Assert.Contains("is not the key that genesis names for 'a'", foreign.Message, StringComparison.Ordinal);
        string same = File.ReadAllText(files.ConsensusKeyFile).Replace("consensus", "transport", StringComparison.Ordinal);
        File.WriteAllText(files.TransportKeyFile, same);
        Assert.Contains("must never enter TLS", Assert.Throws<KeyException>(() => ValidatorKeys.Read(files)).Message, StringComparison.Ordinal);
    }
}
