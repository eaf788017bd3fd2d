using System.Text;
using Validator.Core.Primitives;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Keys;

namespace Validator.Tests.Host.Keys;

public class KeyFileTests
{
    // Protects private keys: written for the owner alone, read back, never overwritten, refused when others can read them.
    [Fact]
    public void Is_for_the_owner_alone()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("consensus.key");
        using SecretBuffer seed = KeyFile.Create(path, KeyPurpose.Consensus);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        using SecretBuffer read = KeyFile.Read(path, KeyPurpose.Consensus);
        Assert.True(seed.Span.SequenceEqual(read.Span));
        Assert.Contains("never overwritten", Assert.Throws<KeyException>(() => KeyFile.Create(path, KeyPurpose.Consensus)).Message, StringComparison.Ordinal);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        KeyException refused = Assert.Throws<KeyException>(() => KeyFile.Read(path, KeyPurpose.Consensus));
        Assert.Contains("mode 0604", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"run: chmod 0600 {path}", refused.Message, StringComparison.Ordinal);
    }

    // Protects against mix-ups: another purpose, version, length or damage is named with its line.
    [Theory]
    [InlineData("purpose: consensus", "purpose: transport", ":2: expected 'purpose: consensus'")]
    [InlineData("validator-key 1", "validator-key 3", ":1: 'validator-key 3' is a format this version does not know")]
    [InlineData("validator-key 1", "ssh-key", ":1: is not a key file")]
    [InlineData("ml-dsa-87", "ed25519", ":3: expected 'algorithm: ml-dsa-87'")]
    [InlineData("seed: ", "seed: zz", ":4: expected 'seed: ' and 64 hexadecimal digits")]
    public void Names_the_damage(string from, string to, string expected)
    {
        using TemporaryFolder folder = new();
        string path = folder.File("k");
        KeyFile.Create(path, KeyPurpose.Consensus).Dispose();
        File.WriteAllText(path, File.ReadAllText(path).Replace(from, to, StringComparison.Ordinal));
        Assert.Contains(expected, Assert.Throws<KeyException>(() => KeyFile.Read(path, KeyPurpose.Consensus)).Message, StringComparison.Ordinal);
    }

    // Protects the boundary between the two keys: the consensus key never serves TLS, and foreign keys are refused.
    [Fact]
    public void Keys_must_be_two_and_the_members()
    {
        using TemporaryFolder folder = new();
        CryptoSection files = new(folder.File("keys"));
        using ValidatorKeys keys = ValidatorKeys.Create(files);
        keys.RequireMember(new Member("a", keys.ConsensusPublicKey, keys.TransportPublicKey, 1), files);
        KeyException foreign = Assert.Throws<KeyException>(
            () => keys.RequireMember(new Member("a", keys.TransportPublicKey, keys.TransportPublicKey, 1), files));
        Assert.Contains("is not the key that genesis names for 'a'", foreign.Message, StringComparison.Ordinal);
        string same = File.ReadAllText(files.ConsensusKeyFile).Replace("consensus", "transport", StringComparison.Ordinal);
        File.WriteAllText(files.TransportKeyFile, same);
        Assert.Contains("must never enter TLS", Assert.Throws<KeyException>(() => ValidatorKeys.Read(files)).Message, StringComparison.Ordinal);
    }

    // Protects encrypted keys: the right passphrase alone opens one, and neither a cut nor a flipped bit anywhere gives a seed.
    [Fact]
    public void A_passphrase_alone_opens_an_encrypted_key()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("consensus.key");
        using SecretBuffer passphrase = Secret("correct horse"), wrong = Secret("correct hors");
        using SecretBuffer seed = KeyFile.Create(path, KeyPurpose.Consensus, passphrase, new PassphraseCost(8, 1));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        byte[] bytes = File.ReadAllBytes(path);
        Assert.DoesNotContain(Convert.ToHexStringLower(seed.Span), Encoding.ASCII.GetString(bytes), StringComparison.Ordinal);
        using (SecretBuffer read = KeyFile.Read(path, KeyPurpose.Consensus, passphrase))
        {
            Assert.True(seed.Span.SequenceEqual(read.Span));
        }

        Assert.Contains("passphrase is not this key's", Refused(wrong), StringComparison.Ordinal);
        Assert.Contains("give its passphrase with --passphrase-fd", Refused(null), StringComparison.Ordinal);
        for (int length = 0; length < bytes.Length - 1; length++)
        {
            File.WriteAllBytes(path, bytes[..length]);
            Refused(passphrase);
        }

        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            byte[] flipped = [.. bytes];
            flipped[bit / 8] ^= (byte)(1 << (bit % 8));

            // A larger cost is honoured, and would only take long to be refused.
            if (!Encoding.ASCII.GetString(flipped).Contains("argon2id 8 1 ", StringComparison.Ordinal))
            {
                continue;
            }

            File.WriteAllBytes(path, flipped);
            Refused(passphrase);
        }

        string Refused(SecretBuffer? with) =>
            Assert.Throws<KeyException>(() => KeyFile.Read(path, KeyPurpose.Consensus, with)).Message;
    }

    // Protects sealed keys from another version's derivation: published vectors of the Argon2 reference implementation
    // (phc-winner-argon2, src/test.c: Argon2id, version 0x13, one lane, salt "somesalt").
    [Theory]
    [InlineData(65536, 2, "password", "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7")]
    [InlineData(256, 2, "password", "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe")]
    [InlineData(65536, 1, "password", "f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98")]
    [InlineData(65536, 4, "password", "9025d48e68ef7395cca9079da4c4ec3affb3c8911fe4f86d1a2520856f63172c")]
    [InlineData(65536, 2, "differentpassword", "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde")]
    public void The_passphrases_key_is_Argon2id(uint memoryKib, uint passes, string passphrase, string expected)
    {
        using SecretBuffer key = SeedSeal.DeriveKey(Encoding.ASCII.GetBytes(passphrase), "somesalt"u8, new PassphraseCost(memoryKib, passes));
        Assert.Equal(expected, Convert.ToHexStringLower(key.Span));
    }

    // Protects the file's format: a key of the seed 00 to 1f, sealed by another program (Python's cryptography: Argon2id at the
    // default cost, AES-256-GCM), opens here and gives the same seed.
    [Fact]
    public void A_file_sealed_by_another_program_opens()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("consensus.key");
        File.WriteAllText(path, """
            validator-key 2
            purpose: consensus
            algorithm: ml-dsa-87
            kdf: argon2id 65536 3 a0a1a2a3a4a5a6a7a8a9aaabacadaeaf
            sealed: c0c1c2c3c4c5c6c7c8c9cacb0ede46348bb08d12c8630a8f08dec14ff7ddd2fbf484edff40a48010b11d918bd387ff9d57fed506e778c210d190cdb0
            """);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using SecretBuffer passphrase = Secret("correct horse");
        using SecretBuffer seed = KeyFile.Read(path, KeyPurpose.Consensus, passphrase);
        Assert.Equal(Enumerable.Range(0, 32).Select(i => (byte)i), seed.Span.ToArray());
    }

    // Protects the operator: a descriptor's line is the passphrase without its line feed, an empty or closed one is named, and
    // a plain key given a passphrase is refused.
    [Fact]
    public void A_descriptor_carries_the_passphrase()
    {
        using TemporaryFolder folder = new();
        string path = folder.File("passphrase");
        File.WriteAllText(path, "secret words\n");
        using (FileStream file = File.OpenRead(path))
        {
            using SecretBuffer read = Passphrase.Read((int)file.SafeFileHandle.DangerousGetHandle());
            Assert.Equal("secret words", Encoding.ASCII.GetString(read.Span));
        }

        File.WriteAllText(path, "\n");
        using (FileStream file = File.OpenRead(path))
        {
            Assert.Contains("1 to 1024 bytes", Assert.Throws<KeyException>(
                () => Passphrase.Read((int)file.SafeFileHandle.DangerousGetHandle())).Message, StringComparison.Ordinal);
        }

        Assert.Contains("cannot be read", Assert.Throws<KeyException>(() => Passphrase.Read(9999)).Message, StringComparison.Ordinal);
        using SecretBuffer passphrase = Secret("secret words");
        KeyFile.Create(folder.File("plain"), KeyPurpose.Consensus).Dispose();
        Assert.Contains("is not encrypted", Assert.Throws<KeyException>(
            () => KeyFile.Read(folder.File("plain"), KeyPurpose.Consensus, passphrase)).Message, StringComparison.Ordinal);
    }

    private static SecretBuffer Secret(string text)
    {
        SecretBuffer secret = new(text.Length);
        Encoding.ASCII.GetBytes(text, secret.Span);
        return secret;
    }
}
