#!/usr/bin/env bash
# KubernetesClient (NuGet, 21.0.8): KubernetesYaml.Serialize quotes strings that look like numbers, "0644" and "1e3" among them,
# but not 0x10, 0o14, +1, .inf and .nan. By YAML 1.2's core schema (10.3.2) each of these, bare, is a number, so who reads by it
# has a number where the API's schema wants a string, as in the data of this ConfigMap. The client's own reader takes the type
# of the field and shows no fault. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
cat >look.csproj <<'P'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageReference Include="KubernetesClient" Version="[21.0.8]" /></ItemGroup>
</Project>
P
cat >Look.cs <<'X'
using System;
using System.Collections.Generic;
using k8s;
using k8s.Models;

foreach (string value in new[] { "0644", "1e3", "true", "0x10", "0o14", "+1", ".inf", ".nan" })
{
    string yaml = KubernetesYaml.Serialize(new V1ConfigMap { Data = new Dictionary<string, string> { ["k"] = value } });
    Console.WriteLine($"\"{value}\" is written {yaml[(yaml.IndexOf("k: ") + 3)..].Trim()}");
}
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 ||
    { cat log; echo "KubernetesClient 21.0.8 is not to be had here" >&2; exit 2; }
dotnet out/look.dll | tee seen
diff seen - <<'X'
"0644" is written "0644"
"1e3" is written "1e3"
"true" is written "true"
"0x10" is written 0x10
"0o14" is written 0o14
"+1" is written +1
".inf" is written .inf
".nan" is written .nan
X
