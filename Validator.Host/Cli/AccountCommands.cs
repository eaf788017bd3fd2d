using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Crypto.Simd;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Primitives;

namespace Validator.Host.Cli;

/// <summary>account new, show and sign: a client's key, and envelopes of it.</summary>
internal static class AccountCommands
{
    public static Command Account() => new("account", "A client's key, and transactions signed with it") { New(), Show(), Sign() };

    /// <summary>Signs data for a chain.</summary>
    /// <returns>The envelope, bytes of a transaction of kind 1.</returns>
    public static byte[] Sign(
        MlDsa87Signer signer, in Hash256 chainId, ulong nonce, ReadOnlySpan<byte> data,
            EnvelopePurpose purpose = EnvelopePurpose.Data)
    {
        if (data.Length is 0 or > EnvelopeCodec.MaxDataBytes)
        {
            throw new ConfigException($"an envelope's data has 1 to {EnvelopeCodec.MaxDataBytes} bytes, not {data.Length}");
        }

        byte[] bytes = new byte[EnvelopeCodec.FixedBytes + data.Length];
        EnvelopeCodec.Write(bytes, EnvelopeCodec.AccountOf(signer.PublicKey), nonce, data, purpose);
        Require.That(EnvelopeCodec.TryRead(bytes, out Envelope envelope));
        Span<byte> preimage = stackalloc byte[EnvelopeCodec.PreimageBytes];
        EnvelopeCodec.WritePreimage(chainId, envelope, preimage);
        signer.Sign(preimage, EnvelopeCodec.Context, bytes.AsSpan(^Limits.SignatureBytes..));
        return bytes;
    }

    /// <exception cref="KeyException">It cannot be opened.</exception>
    public static MlDsa87Signer Open(string path, int? passphrase)
    {
        using SecretBuffer? secret = SetupCommands.ReadPassphrase(passphrase);
        using SecretBuffer seed = KeyFile.Read(path, KeyPurpose.Account, secret);
        return new MlDsa87Signer(seed.Span);
    }

    /// <summary>Asks a validator for its chain and the account's next nonce, and gives it the key.</summary>
    /// <param name="nonce">Null: one above the highest that was accepted.</param>
    public static (Hash256 ChainId, ulong Nonce) Introduce(HttpClient client, string api, MlDsa87Signer signer, ulong? nonce)
    {
        using JsonDocument status = Read(client, new HttpRequestMessage(HttpMethod.Get, $"{api}/v1/status"))
            ?? throw new HttpRequestException($"{api} has no status");
        if (!Hash256.TryParse(status.RootElement.GetProperty("chain_id").GetString(), out Hash256 chainId))
        {
            throw new HttpRequestException($"{api} names no chain");
        }

        ByteArrayContent key = new(signer.PublicKey.ToArray());
        key.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        Read(client, new HttpRequestMessage(HttpMethod.Post, $"{api}/v1/accounts") { Content = key })?.Dispose();
        if (nonce is { } given)
        {
            return (chainId, given);
        }

        using JsonDocument? account = Read(
            client, new HttpRequestMessage(HttpMethod.Get, $"{api}/v1/accounts/{EnvelopeCodec.AccountOf(signer.PublicKey)}"));
        return account is not null && account.RootElement.TryGetProperty("highest_nonce", out JsonElement highest)
            ? (chainId, highest.GetUInt64() + 1)
            : (chainId, 1);
    }

    internal static JsonDocument? Read(HttpClient client, HttpRequestMessage request)
    {
        using (request)
        {
            using HttpResponseMessage response = client.Send(request);
            if (response.StatusCode == HttpStatusCode.NotFound)
            {
                return null;
            }

            response.EnsureSuccessStatusCode();
            return AnswerJson.Parse(response.Content.ReadAsStream());
        }
    }

    private static Command New()
    {
        Option<string> output = new("--out") { Description = "The key file to write; the public key goes beside it, as FILE.pub", Required = true };
        Option<int?> passphrase = SetupCommands.PassphraseOption("Encrypt the key with the passphrase");
        Command command = new("new", "Make a key and print its account") { output, passphrase };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            string path = parsed.GetValue(output)!;
            using SecretBuffer? secret = SetupCommands.ReadPassphrase(parsed.GetValue(passphrase));
            using SecretBuffer seed = KeyFile.Create(path, KeyPurpose.Account, secret);
            using MlDsa87Signer signer = new(seed.Span);
            OperatorFile.Write(path + ".pub", signer.PublicKey.ToArray());
            Console.WriteLine(EnvelopeCodec.AccountOf(signer.PublicKey));
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Show()
    {
        Option<string> key = KeyOption();
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the key with the passphrase");
        Command command = new("show", "Print a key's account") { key, passphrase };
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            using MlDsa87Signer signer = Open(parsed.GetValue(key)!, parsed.GetValue(passphrase));
            Console.WriteLine(EnvelopeCodec.AccountOf(signer.PublicKey));
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Command Sign()
    {
        Option<string> key = KeyOption();
        Option<int?> passphrase = SetupCommands.PassphraseOption("Open the key with the passphrase");
        Option<string> chain = new("--chain-id") { Description = "The chain that it is for: 64 hexadecimal digits, see validator status", Required = true };
        Option<ulong> nonce = new("--nonce") { Description = "Never used before with this key; the next higher is always good", Required = true };
        Option<string> output = new("--out") { Description = "The envelope to write, for validator submit --kind 1 --file", Required = true };
        Argument<string?> text = new("text") { Description = "The data as text", Arity = ArgumentArity.ZeroOrOne };
        Option<string?> file = new("--file") { Description = "A file with the data; - for standard input" };
        Command command = new("sign", "Sign data without asking anybody, to be submitted elsewhere") { text, file, key, passphrase, chain, nonce, output };
        command.Validators.Add(result =>
        {
            if ((result.GetValue(text) is null) == (result.GetValue(file) is null))
            {
                result.AddError("sign: give either the text or --file");
            }
        });
        command.SetAction(parsed => CommandAction.Guard(() =>
        {
            if (!Hash256.TryParse(parsed.GetValue(chain), out Hash256 chainId))
            {
                throw new ConfigException("--chain-id: expected 64 hexadecimal digits");
            }

            byte[] data = parsed.GetValue(text) is { } given ? Encoding.UTF8.GetBytes(given) : ClientCommands.ReadAll(parsed.GetValue(file)!);
            using MlDsa87Signer signer = Open(parsed.GetValue(key)!, parsed.GetValue(passphrase));
            byte[] envelope = Sign(signer, chainId, parsed.GetValue(nonce), data);
            OperatorFile.Write(parsed.GetValue(output)!, envelope);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Hash256.Of([(byte)TransactionKind.Envelope, .. envelope])}"));
            return ExitCodes.Success;
        }));
        return command;
    }

    private static Option<string> KeyOption() => new("--key") { Description = "The key file, from validator account new", Required = true };
}
