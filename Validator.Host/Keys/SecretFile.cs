using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Validator.Host.Keys;

/// <summary>What the kernel says of an open file, and of this process.</summary>
/// <param name="Mode">With the file's type.</param>
/// <param name="OwnGroup">Not 0: the file's group is this process's, or one of its supplementary ones.</param>
/// <param name="AccessList">Not 0: it has a POSIX access list, which may admit more users than the mode says.</param>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct FileAccessFacts(uint Mode, uint Owner, uint Group, uint User, uint OwnGroup, uint AccessList);

/// <summary>
/// Who may be able to read a key, a token file or a TLS key: its owner alone (0600, 0400), or its owner, who is root or this
/// process's user, and one group of this process (0640, 0440). Container platforms mount secrets the latter way for a user
/// without privileges (fsGroup). Links are followed: the file that was opened counts.
/// </summary>
internal static unsafe partial class SecretFile
{
    private const uint OwnerReadWrite = 0x180; // 0600
    private const uint GroupRead = 0x20; // 0040
    private const uint Permissions = 0xfff;

    /// <returns>Why others may read the file, and the command that mends it; null when they cannot.</returns>
    public static string? Fault(SafeFileHandle file, string path)
    {
        FileAccessFacts facts = default;
        int error = AccessNative((int)file.DangerousGetHandle(), &facts);
        return error != 0 ? $"its owner and mode cannot be read: {Marshal.GetPInvokeErrorMessage(error)}" : Fault(facts, path);
    }

    internal static string? Fault(in FileAccessFacts facts, string path)
    {
        uint mode = facts.Mode & Permissions;
        if ((mode & ~OwnerReadWrite) == 0)
        {
            return null;
        }

        string what = $"mode {Convert.ToString((int)mode, 8).PadLeft(4, '0')}, owner {Number(facts.Owner)}, group {Number(facts.Group)}";
        string fix = $"; run: chmod 0600 {path}";
        if ((mode & ~(OwnerReadWrite | GroupRead)) != 0)
        {
            return $"{what}: lets others at it{fix}, or 0640 where it belongs to root and to a group of this process";
        }

        if (facts.Owner != 0 && facts.Owner != facts.User)
        {
            return $"{what}: its group may read it, which is taken only where its owner is root or this process's user, {Number(facts.User)}{fix}";
        }

        if (facts.OwnGroup == 0)
        {
            return $"{what}: its group may read it, and is none of this process's groups{fix}, or chgrp it to one of them (on a container platform: fsGroup)";
        }

        return facts.AccessList == 0 ? null : $"{what}: has an access list, by which others may read it; run: setfacl -b {path}";
    }

    private static string Number(uint id) => id.ToString(CultureInfo.InvariantCulture);

    [LibraryImport("validator_native", EntryPoint = "validator_file_access")]
    private static partial int AccessNative(int file, FileAccessFacts* facts);
}
