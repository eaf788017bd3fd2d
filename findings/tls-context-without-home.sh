#!/usr/bin/env bash
# .NET 10.0 on Linux: SslStreamCertificateContext.Create, and X509Chain.Build, end with InvalidOperationException "The home directory of the
# current user could not be determined" for a user whom /etc/passwd does not know, where HOME is not set: they look for the user's store of
# disallowed certificates. A user of a container FROM scratch is such a one, under an engine that sets no HOME. Any HOME will do, also one
# that does not exist. Needs root, to become such a user. Exits 1 if that changes.
set -euo pipefail
[ "$(id -u)" -eq 0 ] || { echo "needs root" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
cat >look.csproj <<'X'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework></PropertyGroup>
</Project>
X
cat >Look.cs <<'X'
using System;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
CertificateRequest request = new("CN=x", key, HashAlgorithmName.SHA256);
using X509Certificate2 leaf = request.CreateSelfSigned(DateTimeOffset.UtcNow, DateTimeOffset.UtcNow.AddDays(1));
try
{
    SslStreamCertificateContext.Create(leaf, null, offline: true);
    Console.WriteLine("made");
}
catch (InvalidOperationException e)
{
    Console.WriteLine(e.Message);
}
X
dotnet build -v:q -clp:NoSummary -o out >log 2>&1 || { cat log; exit 2; }
chmod -R a+rX "$folder"
look() { setpriv --reuid 65532 --regid 65532 --clear-groups env "$@" DOTNET_EnableDiagnostics=0 dotnet out/look.dll; }
{
    look -u HOME
    look HOME=/nowhere
} | tee seen
diff seen - <<'X'
The home directory of the current user could not be determined.
made
X
