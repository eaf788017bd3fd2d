#!/usr/bin/env bash
# perf/lattice512.sh [ROUNDS]: whether published binaries should use the 512-bit lattice kernels. Compiles the cryptography ahead of
# time three times, outside the checkout: v3 (AVX2), v4 as it is (AVX2's lattice kernels), v4 with 512-bit ones; runs them turn about
# and prints microseconds, the median of ROUNDS (7) processes each. Needs AVX-512 and what `make publish` restores.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-7}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/bench"
cat >"$copy/bench/bench.csproj" <<'XML'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>net10.0</TargetFramework><OutputType>Exe</OutputType><PublishAot>true</PublishAot>
    <RuntimeIdentifier>linux-x64</RuntimeIdentifier><InvariantGlobalization>true</InvariantGlobalization>
    <IlcInstructionSet>$(Isa)</IlcInstructionSet><OptimizationPreference>Speed</OptimizationPreference>
    <AllowUnsafeBlocks>true</AllowUnsafeBlocks><Nullable>enable</Nullable><ImplicitUsings>enable</ImplicitUsings>
    <AssemblyName>Validator.Bench</AssemblyName><CppCompilerAndLinker>gcc</CppCompilerAndLinker>
  </PropertyGroup>
  <ItemGroup><Compile Include="../crypto/**/*.cs" Exclude="../crypto/bin/**;../crypto/obj/**" /></ItemGroup>
</Project>
XML
cat >"$copy/bench/Program.cs" <<'CS'
using System.Diagnostics;
using System.Globalization;
using Validator.Crypto.Simd;

const int Count = 1024;
byte[] context = "lattice512"u8.ToArray(), seed = new byte[32];
VerificationItem[] items = new VerificationItem[Count];
PreparedVerificationKey[] keys = new PreparedVerificationKey[16];
byte[] publicKey = [];
MlDsa87Signer[] signers = new MlDsa87Signer[keys.Length];
for (int k = 0; k < keys.Length; k++)
{
    seed[0] = (byte)k;
    signers[k] = new MlDsa87Signer(seed);
    publicKey = signers[k].PublicKey.ToArray();
    keys[k] = PreparedVerificationKey.Create(publicKey)!;
}

for (int i = 0; i < Count; i++)
{
    byte[] message = new byte[32], signature = new byte[MlDsa87.SignatureBytes];
    BitConverter.TryWriteBytes(message, i);
    signers[i % keys.Length].SignDeterministic(message, context, signature);
    items[i] = new VerificationItem { Key = keys[i % keys.Length], Message = message, Context = context, Signature = signature };
}

double batch = Best(Count, () => { if (BatchVerifier.Verify(items) != Count) { throw new InvalidOperationException("a signature was refused"); } });
double prepare = Best(1, () => PreparedVerificationKey.Create(publicKey)!.Dispose());
byte[] made = new byte[MlDsa87.SignatureBytes], text = new byte[32];
double sign = Best(64, () => { for (int i = 0; i < 64; i++) { text[0] = (byte)i; signers[0].SignDeterministic(text, context, made); } });
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{batch:F2} {prepare:F2} {sign:F2}"));

static double Best(int operations, Action work)
{
    double best = double.MaxValue;
    for (int i = 0; i < 60; i++)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMicroseconds / operations);
    }

    return best;
}
CS
build() { # NAME ISA
    dotnet publish "$copy/bench/bench.csproj" -c Release -v:q -clp:"ErrorsOnly;NoSummary" -p:Isa="$2" -o "$copy/$1" \
        -p:BaseIntermediateOutputPath="$copy/obj-$1/" >&2
}
cp -r Validator.Crypto.Simd "$copy/crypto"
rm -rf "$copy/crypto/bin" "$copy/crypto/obj"
build v3 x86-64-v3
build v4 x86-64-v4
grep -q 'RuntimeFeature.IsDynamicCodeCompiled && UseAvx512' "$copy/crypto/CpuPaths.cs" || { echo "lattice512: UseAvx512Lattice has another condition than this script changes" >&2; exit 1; }
sed -i 's/RuntimeFeature.IsDynamicCodeCompiled && UseAvx512/UseAvx512/' "$copy/crypto/CpuPaths.cs"
build v4-512 x86-64-v4
for ((i = 0; i < rounds; i++)); do
    for name in v3 v4 v4-512; do echo "$name $("$copy/$name/Validator.Bench")"; done
done >"$copy/times"
echo "| compiled ahead of time | batched check, us | prepare a key, us | sign, us |"
echo "|---|---:|---:|---:|"
for name in v3 v4 v4-512; do
    median() { awk -v n="$name" -v c="$1" '$1 == n { print $c }' "$copy/times" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
    echo "| $name | $(median 2) | $(median 3) | $(median 4) |"
done
