#!/usr/bin/env bash
# Tomlyn (NuGet, 2.10.2, "TOML 1.1 parser"): a date-time with more than seven digits behind its seconds is refused as no RFC 3339 one, and with it
# the whole file. TOML 1.0 and 1.1 say of what is more precise than an implementation can keep: it must be truncated. Nanoseconds are what Go
# programs write. Seven digits, .NET's own precision, are read. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
cat >look.csproj <<'X'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageReference Include="Tomlyn" Version="[2.10.2]" /></ItemGroup>
</Project>
X
cat >Look.cs <<'X'
using System;
using Tomlyn;
using Tomlyn.Model;

foreach (string digits in new[] { "123", "1234567", "12345678", "123456789" })
{
    string what;
    try
    {
        what = ((TomlDateTime)TomlSerializer.Deserialize<TomlTable>($"t = 2026-11-29T07:32:00.{digits}Z")!["t"]).ToString();
    }
    catch (TomlException)
    {
        what = "refused";
    }

    Console.WriteLine($"{digits.Length} digits: {what}");
}
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 || { cat log; echo "Tomlyn 2.10.2 is not to be had here" >&2; exit 2; }
dotnet out/look.dll | tee seen
diff seen - <<'X'
3 digits: 2026-11-29T07:32:00.123Z
7 digits: 2026-11-29T07:32:00.1234567Z
8 digits: refused
9 digits: refused
X
