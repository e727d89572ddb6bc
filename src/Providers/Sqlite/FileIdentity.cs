using System.Runtime.InteropServices;
using System.Text;

namespace Evergrain.Providers.Sqlite;

/// <summary>Which file a path leads to now: its device and its inode, and how many bytes it has.</summary>
/// <remarks>
/// .NET has no call for them. Linux has <c>statx</c>, whose answer is the same on every processor. Windows needs no
/// such look, since it does not let an open file be removed or replaced. On macOS nothing is compared.
/// </remarks>
internal readonly record struct FileIdentity(ulong Device, ulong Inode, long Bytes)
{
    private const int CurrentDirectory = -100;
    private const uint InodeAndSize = 0x100 | 0x200;

    /// <summary>Whether this system tells one file from another.</summary>
    public static bool IsKnown => OperatingSystem.IsLinux();

    /// <summary>A path as <see cref="Read"/> takes it, encoded once.</summary>
    public static byte[] Encode(string path) => [.. Encoding.UTF8.GetBytes(path), 0];

    /// <summary>The file at a path; null: there is none, or it cannot be looked at.</summary>
    public static FileIdentity? Read(byte[] path) =>
        StatX(CurrentDirectory, path, 0, InodeAndSize, out var answer) == 0
            ? new FileIdentity(((ulong)answer.DeviceMajor << 32) | answer.DeviceMinor, answer.Inode, answer.Bytes)
            : null;

    /// <summary>Whether both are one file, whatever was written to it meanwhile.</summary>
    public bool IsSameFile(FileIdentity other) => Device == other.Device && Inode == other.Inode;

    [DllImport("libc", EntryPoint = "statx")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int StatX(int directory, byte[] path, int flags, uint mask, out Answer answer);

    // The parts that are read here, at their places. Source: linux/stat.h, struct statx.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Answer
    {
        [FieldOffset(32)]
        public ulong Inode;

        [FieldOffset(40)]
        public long Bytes;

        [FieldOffset(136)]
        public uint DeviceMajor;

        [FieldOffset(140)]
        public uint DeviceMinor;
    }
}
