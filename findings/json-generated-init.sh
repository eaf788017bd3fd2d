#!/usr/bin/env bash
# System.Text.Json (.NET 10.0): a class whose properties are init-only and have initial values loses these values with a generated
# context, for members that the JSON leaves out: 0 and null, also where RespectNullableAnnotations is on and the property's type is not
# nullable. By reflection, and with set instead of init, they stay. So the same class reads one file in two ways. Exits 1 if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
cat >look.csproj <<'X'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework><Nullable>enable</Nullable></PropertyGroup>
</Project>
X
cat >Look.cs <<'X'
using System;
using System.Text.Json;
using System.Text.Json.Serialization;

JsonSerializerOptions reflection = new() { RespectNullableAnnotations = true };
Init byReflection = JsonSerializer.Deserialize<Init>("{}", reflection)!;
Init generated = JsonSerializer.Deserialize("{}", Context.Default.Init)!;
Set settable = JsonSerializer.Deserialize("{}", Context.Default.Set)!;
Console.WriteLine($"init, reflection: {byReflection.Number} {byReflection.Text ?? "null"}");
Console.WriteLine($"init, generated: {generated.Number} {generated.Text ?? "null"}");
Console.WriteLine($"set, generated: {settable.Number} {settable.Text ?? "null"}");

internal sealed class Init
{
    public int Number { get; init; } = 7;
    public string Text { get; init; } = "text";
}

internal sealed class Set
{
    public int Number { get; set; } = 7;
    public string Text { get; set; } = "text";
}

[JsonSourceGenerationOptions(RespectNullableAnnotations = true)]
[JsonSerializable(typeof(Init))]
[JsonSerializable(typeof(Set))]
internal sealed partial class Context : JsonSerializerContext;
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 || { cat log; exit 2; }
dotnet out/look.dll | tee seen
diff seen - <<'X'
init, reflection: 7 text
init, generated: 0 null
set, generated: 7 text
X
