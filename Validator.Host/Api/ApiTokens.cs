using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using Validator.Core.Primitives;
using Validator.Host.Config;
using Validator.Host.Keys;
using Validator.Host.Primitives;

namespace Validator.Host.Api;

/// <summary>What a bearer token allows.</summary>
[Flags]
public enum ApiRoles : byte
{
    None = 0,

    /// <summary>POST transactions.</summary>
    Submit = 1,

    /// <summary>GET everything that is neither health nor readiness, the metrics page too.</summary>
    Read = 2,

    /// <summary>Paths below /v1/admin/.</summary>
    Admin = 4,
}

/// <summary>
/// Bearer tokens (RFC 6750) of one file, which others cannot read (<see cref="SecretFile"/>). A line is <c>ROLE[,ROLE...] TOKEN
/// [a name for people]</c>; empty lines and those that begin with # are ignored. Only hashes are kept, so a lookup's time tells
/// nothing about a token.
/// </summary>
public sealed class ApiTokens
{
    /// <summary>Shorter tokens could be guessed over the network.</summary>
    public const int MinTokenChars = 32;

    private const int MaxTokenChars = 512;
    private const int MaxFileBytes = 1024 * 1024;

    private readonly Dictionary<Hash256, ApiRoles> _roles = [];

    /// <summary>How many tokens there are.</summary>
    public int Count => _roles.Count;

    /// <exception cref="ConfigException">Missing, open to others, or a line is at fault; tokens are never in the
    /// message.</exception>
    public static ApiTokens Read(string path) => Parse(path, ReadText(path));

    private static string ReadText(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (SecretFile.Fault(file.SafeFileHandle, path) is { } fault)
            {
                throw new ConfigException($"api.tokens: {path}: {fault}");
            }

            return InputFile.ReadText(file, MaxFileBytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ConfigException($"api.tokens: {path}: cannot be read: {e.Message}; validator token makes one");
        }
    }

    /// <summary>
    /// The token of a file that allows what is wanted and as little else as possible; for commands on the validator's machine.
    /// </summary>
    /// <exception cref="ConfigException">The file is at fault, or has no such token.</exception>
    public static string Find(string path, ApiRoles wanted)
    {
        string text = ReadText(path);
        Parse(path, text);
        (string Token, ApiRoles Roles)? best = null;
        foreach (string line in text.Split('\n'))
        {
            string[] parts = line.Split((char[]?)null, 3, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length > 1 && !parts[0].StartsWith('#') && TryRoles(parts[0], out ApiRoles roles) && (roles & wanted) == wanted
                && (best is null || BitOperations.PopCount((uint)roles) < BitOperations.PopCount((uint)best.Value.Roles)))
            {
                best = (parts[1], roles);
            }
        }

        return best?.Token ?? throw new ConfigException(
            $"api.tokens: {path}: no token has the role {wanted.ToString().ToLowerInvariant()}; give one with --token-file, or make one with validator token");
    }

    /// <summary>A new token: 32 random bytes in base64url.</summary>
    public static string NewToken() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');

    /// <param name="header">The Authorization header's value.</param>
    /// <returns>None when it is no token of ours.</returns>
    public ApiRoles RolesOf(string? header)
    {
        const string scheme = "Bearer ";
        if (header is null || header.Length > scheme.Length + MaxTokenChars || !header.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
        {
            return ApiRoles.None;
        }

        return _roles.GetValueOrDefault(HashOf(header.AsSpan(scheme.Length).Trim()));
    }

    internal static ApiTokens Parse(string path, string text)
    {
        ApiTokens tokens = new();
        int number = 0;
        foreach (string line in text.Split('\n'))
        {
            number++;
            string[] parts = line.Split((char[]?)null, 3, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length == 0 || parts[0].StartsWith('#'))
            {
                continue;
            }

            if (!TryRoles(parts[0], out ApiRoles roles))
            {
                throw new ConfigException($"api.tokens: {path}:{number}: expected roles (submit, read, admin; with commas between) and a token");
            }

            if (parts.Length < 2 || parts[1].Length is < MinTokenChars or > MaxTokenChars)
            {
                throw new ConfigException($"api.tokens: {path}:{number}: a token has {MinTokenChars} to {MaxTokenChars} characters; validator token makes one");
            }

            if (!tokens._roles.TryAdd(HashOf(parts[1]), roles))
            {
                throw new ConfigException($"api.tokens: {path}:{number}: the same token as on another line");
            }
        }

        return tokens.Count > 0 ? tokens : throw new ConfigException($"api.tokens: {path}: has no token, so nobody could ask anything");
    }

    internal static bool TryRoles(string text, out ApiRoles roles)
    {
        roles = ApiRoles.None;
        foreach (string name in text.Split(','))
        {
            ApiRoles role = name switch { "submit" => ApiRoles.Submit, "read" => ApiRoles.Read, "admin" => ApiRoles.Admin, _ => ApiRoles.None };
            if (role == ApiRoles.None)
            {
                return false;
            }

            roles |= role;
        }

        return true;
    }

    private static Hash256 HashOf(ReadOnlySpan<char> token) => Hash256.Of(Encoding.UTF8.GetBytes(token.ToString()));
}
