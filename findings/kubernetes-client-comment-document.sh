#!/usr/bin/env bash
# KubernetesClient (NuGet, 21.0.8): KubernetesYaml.LoadAllFromString raises a NullReferenceException when one document of a file
# holds a comment only, and nothing of the file is read. YAML 1.2 (9.1, 9.2) has such documents, with null for content; a
# manifest that was put together from templates often has one where a template gave nothing. Without the comment's document the
# file is read. Exits 1 if that changes.
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

const string first = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
const string last = "apiVersion: v1\nkind: Service\nmetadata: {name: b}\n";
foreach (string between in new[] { "---\n", "---\n# nothing to do\n---\n" })
{
    string read;
    try
    {
        read = $"{KubernetesYaml.LoadAllFromString(first + between + last).Count} objects";
    }
    catch (Exception e)
    {
        read = e.GetType().Name;
    }

    Console.WriteLine($"{(between.Contains('#') ? "with" : "without")} a document of a comment: {read}");
}
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 ||
    { cat log; echo "KubernetesClient 21.0.8 is not to be had here" >&2; exit 2; }
dotnet out/look.dll | tee seen
diff seen - <<'X'
without a document of a comment: 2 objects
with a document of a comment: NullReferenceException
X
