// A copy of the core library for x86-64 that a compiler for AArch64 can take: none of its own code is to ask for an instruction.
//   dotnet run --file corelib.cs -- System.Private.CoreLib.dll COPY
// IsSupported of x86-64's instructions calls itself, for a compiler for x86-64 to replace: it is made to return false. That of
// AArch64's, which would be replaced by true though the methods beside it only throw, gets a name that is not replaced.
#:property RestorePackagesWithLockFile=false
#:property PublishAot=false
using System.Buffers.Binary;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

byte[] image = File.ReadAllBytes(args[0]);
using PEReader pe = new(new MemoryStream(image));
MetadataReader reader = pe.GetMetadataReader();
int metadata = pe.PEHeaders.MetadataStartOffset;
int rows = reader.GetTableMetadataOffset(TableIndex.MethodDef), rowSize = reader.GetTableRowSize(TableIndex.MethodDef);
int x86 = 0, arm = 0;
if (reader.GetHeapSize(HeapIndex.String) <= ushort.MaxValue)
{
    return Fail("names are indexed by two bytes, not four");
}

foreach (TypeDefinitionHandle handle in reader.TypeDefinitions)
{
    TypeDefinition type = reader.GetTypeDefinition(handle), outer = type;
    while (!outer.GetDeclaringType().IsNil)
    {
        outer = reader.GetTypeDefinition(outer.GetDeclaringType());
    }

    string space = reader.GetString(outer.Namespace);
    foreach (PropertyDefinition property in type.GetProperties().Select(reader.GetPropertyDefinition))
    {
        if (reader.GetString(property.Name) != "IsSupported")
        {
            continue;
        }

        MethodDefinitionHandle getter = property.GetAccessors().Getter;
        if (space == "System.Runtime.Intrinsics.X86")
        {
            int address = reader.GetMethodDefinition(getter).RelativeVirtualAddress;
            SectionHeader section = pe.PEHeaders.SectionHeaders[pe.PEHeaders.GetContainingSectionIndex(address)];
            int at = address - section.VirtualAddress + section.PointerToRawData;

            // A one-byte header that says six bytes, then: call self, ret. Now: ldc.i4.0, ret.
            if (image[at] != ((6 << 2) | 2) || image[at + 1] != 0x28 || image[at + 6] != 0x2A)
            {
                return Fail("IsSupported has another shape than in .NET 9");
            }

            (image[at + 1], image[at + 2]) = (0x16, 0x2A);
            x86++;
        }
        else if (space == "System.Runtime.Intrinsics.Arm")
        {
            // The getter's name, after its address and two words of flags: that of the property, without "get_".
            int name = metadata + rows + ((MetadataTokens.GetRowNumber(getter) - 1) * rowSize) + 8;
            BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(name), reader.GetHeapOffset(property.Name));
            arm++;
        }
    }
}

File.WriteAllBytes(args[1], image);
Console.WriteLine($"corelib: {x86} instruction sets of x86-64, {arm} of AArch64");
return x86 > 0 && arm > 0 ? 0 : Fail("no instruction sets found");

static int Fail(string why)
{
    Console.Error.WriteLine($"corelib: {why}");
    return 1;
}
