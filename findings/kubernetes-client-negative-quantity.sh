#!/usr/bin/env bash
# KubernetesClient (NuGet, 21.0.8): a negative resource quantity is written with the largest suffix and a long fraction: "-1"
# comes out as "-0.000000000000000001E". Kubernetes' description of Quantity asks of the canonical form that no fractional
# digits are emitted, and allows a sign. The positive "1" comes out as it should, and the number itself is kept. Exits 1 if that
# changes.
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
using k8s.Models;

foreach (string text in new[] { "1", "-1", "1.5Gi", "-1.5Gi" })
    Console.WriteLine($"{text}: written {new ResourceQuantity(text)}, worth {new ResourceQuantity(text).ToDecimal()}");
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 ||
    { cat log; echo "KubernetesClient 21.0.8 is not to be had here" >&2; exit 2; }
dotnet out/look.dll | tee seen
grep -qx '1: written 1, worth 1' seen
grep -qx '1.5Gi: written 1536Mi, worth 1610612736' seen
grep -qx -- '-1: written -0.000000000000000001E, worth -1' seen
grep -q -- '^-1.5Gi: written -0\.0.*, worth -1610612736$' seen
