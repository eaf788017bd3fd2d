#!/usr/bin/env bash
# make mutations: plants one bug after the other in a copy of the sources and runs the simulator until it is caught.
# Arguments: names of mutations, all by default. SEEDS bounds the search, HARM_SEEDS that for the harm itself.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
seeds=${SEEDS:-2000}
harm_seeds=${HARM_SEEDS:-2000}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

cp -r Directory.Build.props Directory.Packages.props global.json Validator.Core Validator.Crypto.Simd "$copy"
mkdir -p "$copy/Validator.Tests" "$copy/eng" "$copy/Simulator"
cp -r Validator.Tests/Simulation "$copy/Validator.Tests"
cp -r eng/locks "$copy/eng"
find "$copy" -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +
cat > "$copy/Simulator/Simulator.csproj" <<'PROJECT'
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>$(ValidatorFramework)</TargetFramework>
    <OutputType>Exe</OutputType>
    <AssemblyName>Validator.Bench</AssemblyName>
  </PropertyGroup>
  <ItemGroup>
    <ProjectReference Include="../Validator.Core/Validator.Core.csproj" />
    <Compile Include="../Validator.Tests/Simulation/*.cs" Exclude="../Validator.Tests/Simulation/*Tests.cs" />
  </ItemGroup>
</Project>
PROJECT
echo 'return Validator.Tests.Simulation.SimConsole.Run(args);' > "$copy/Simulator/Program.cs"

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for patch in Validator.Tests/Simulation/mutations/*.patch; do
        names+=("$(basename "$patch" .patch)")
    done
fi

verdict() { # verdict <file>: "seed N [check]" of the first failure, or a dash
    sed -n 's/^FAIL seed \([0-9]*\) \[\([^]]*\)\].*/seed \1 (\2)/p' "$1" | head -n 1 | grep . || echo "-"
}

status=0
printf '%-31s | %-38s | %s\n' "mutation" "caught by" "by its harm alone"
printf '%-31s | %-38s | %s\n' "-------------------------------" "--------------------------------------" "-----------------"
for name in "${names[@]}"; do
    if ! patch -s -d "$copy" -p1 < "$root/Validator.Tests/Simulation/mutations/$name.patch"; then
        echo "mutations: $name does not apply any more" >&2
        exit 1
    fi
    if ! dotnet build "$copy/Simulator/Simulator.csproj" -c Release -v:q -clp:NoSummary -p:RunAnalyzers=false > "$copy/build.txt" 2>&1; then
        echo "mutations: $name does not compile" >&2
        cat "$copy/build.txt" >&2
        exit 1
    fi
    run=("$copy/Simulator/bin/Release/net10.0/Validator.Bench" --until-failure)
    "${run[@]}" --seeds "$seeds" > "$copy/rules.txt" 2>&1 || true
    "${run[@]}" --seeds "$harm_seeds" --harm-only > "$copy/harm.txt" 2>&1 || true
    caught=$(verdict "$copy/rules.txt")
    [ "$caught" = "-" ] && status=1
    printf '%-31s | %-38s | %s\n' "$name" "$caught" "$(verdict "$copy/harm.txt")"
    patch -s -R -d "$copy" -p1 < "$root/Validator.Tests/Simulation/mutations/$name.patch"
done
exit $status
