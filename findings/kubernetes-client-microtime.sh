#!/usr/bin/env bash
# KubernetesClient (NuGet, 21.0.8): a MicroTime, as in a Lease's renewTime, is written without a fraction when it falls on a
# whole second. Kubernetes' own type (apimachinery, meta/v1, micro_time.go) always writes six digits and reads with a layout
# that has six digits, which Go's time package then demands: a lease renewed at a whole second, as by code that cuts times, is
# refused. Exits 1 if that changes.
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
using k8s;
using k8s.Models;

foreach (int microseconds in new[] { 0, 1, 500000 })
    Console.WriteLine(KubernetesJson.Serialize(new V1LeaseSpec
    {
        RenewTime = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddMicroseconds(microseconds),
    }));
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 ||
    { cat log; echo "KubernetesClient 21.0.8 is not to be had here" >&2; exit 2; }
dotnet out/look.dll | tee seen
diff seen - <<'X'
{"renewTime":"2026-01-01T00:00:00Z"}
{"renewTime":"2026-01-01T00:00:00.000001Z"}
{"renewTime":"2026-01-01T00:00:00.500000Z"}
X
