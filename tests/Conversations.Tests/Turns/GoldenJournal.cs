using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Tests.Turns;

/// <summary>
/// A conversation's appends in a file: for each, its length (32 bits), its writer (64 bits), both little-endian, and
/// its framed records.
/// </summary>
internal static class GoldenJournal
{
    /// <summary>Where the files lie beside the tests.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "golden");

    public static List<JournalEntry> Read(string path)
    {
        var entries = new List<JournalEntry>();
        for (ReadOnlyMemory<byte> rest = File.ReadAllBytes(path); rest.Length > 0;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(rest.Span);
            var writer = BinaryPrimitives.ReadUInt64LittleEndian(rest.Span[4..]);
            entries.Add(new JournalEntry(entries.Count, writer, rest.Slice(12, length)));
            rest = rest[(12 + length)..];
        }

        return entries;
    }

    public static void Write(string path, IEnumerable<JournalEntry> entries)
    {
        using var file = File.Create(path);
        Span<byte> header = stackalloc byte[12];
        foreach (var entry in entries)
        {
            BinaryPrimitives.WriteInt32LittleEndian(header, entry.Records.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(header[4..], entry.Writer);
            file.Write(header);
            file.Write(entry.Records.Span);
        }
    }

    /// <summary>The committed folder, for writing a new one.</summary>
    public static string SourceFolder([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "golden"));
}
