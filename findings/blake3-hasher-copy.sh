#!/usr/bin/env bash
# Blake3 (NuGet, 3.0.2): Hasher is a struct, and yet a copy of it is no second hasher. Both values go on with one state, so that hashing a
# common prefix once and copying the value for each rest gives digests that are nobody's: neither of the two copies below has the digest of
# its own input, and both have that of the two rests behind one another. Nothing says so, and nothing is raised. Whoever wants a midstate has
# to hash the prefix again. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
cat >look.csproj <<'X'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageReference Include="Blake3" Version="[3.0.2]" /></ItemGroup>
</Project>
X
cat >Look.cs <<'X'
using System;
using Blake3;

byte[] prefix = [1], left = [2], right = [3];
Hasher first = Hasher.New();
first.Update(prefix);
Hasher second = first;
first.Update(left);
second.Update(right);
Hash of(params byte[] input) => Hasher.Hash(input);
Hash one = first.Finalize(), two = second.Finalize();
Console.WriteLine($"first has its own digest: {one == of(1, 2)}, second: {two == of(1, 3)}, both have that of all three: {one == of(1, 2, 3) && two == one}");
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 || { cat log; echo "Blake3 3.0.2 is not to be had here" >&2; exit 2; }
dotnet out/look.dll | tee seen
grep -qx 'first has its own digest: False, second: False, both have that of all three: True' seen
