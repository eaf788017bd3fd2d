namespace Validator.Host.Keys;

/// <summary>Own key pairs as ML-DSA-87 seeds (FIPS 204, xi), 32 bytes each, with their public keys, 2592 bytes each.</summary>
public sealed record ValidatorKeys(
    byte[] ConsensusSeed, byte[] ConsensusPublicKey, byte[] TransportSeed, byte[] TransportPublicKey);
