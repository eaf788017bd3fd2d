using Validator.Core.Primitives;
using Validator.Core.Wire;
using Validator.Host.Config;

namespace Validator.Host.Pipeline;

/// <summary>What a validator that lost its votes hands to those who kept theirs.</summary>
/// <param name="Nonce">Drawn after the loss.</param>
public sealed record LostVotes(Hash256 ChainId, string Name, Hash256 Nonce)
{
    private const string Word = "validator-votes-lost";

    public string Text => $"{Word} {ChainId} {Name} {Nonce}\n";

    /// <exception cref="ConfigException">It is none, or cannot be read.</exception>
    public static LostVotes Read(string path) => Parse(path, OperatorFile.ReadText(path));

    internal static LostVotes Parse(string path, string text) =>
        text.TrimEnd('\n').Split(' ') is [Word, string chain, string name, string nonce]
            && Hash256.TryParse(chain, out Hash256 chainId) && GenesisCodec.IsName(name) && Hash256.TryParse(nonce, out Hash256 drawn)
            ? new LostVotes(chainId, name, drawn)
            : throw new ConfigException($"{path}: is nothing that 'validator votes lost' wrote");
}
