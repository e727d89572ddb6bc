using System.Globalization;
using Azure;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Providers.Azure;

/// <summary>
/// What stands in the manifest of a log: the metadata of its tail, which change only when the tail is replaced.
/// </summary>
/// <param name="Number">Grows with each conversation that begins; a log that is begun anew has another.</param>
/// <param name="Ordinal">How many extents are sealed: the number of the next.</param>
/// <param name="Begin">Where the log ended when the tail was made.</param>
internal readonly record struct LogManifest(long Number, int Ordinal, JournalEnd Begin)
{
    private const string NumberName = "evergrain_number";
    private const string OrdinalName = "evergrain_ordinal";
    private const string PositionName = "evergrain_position";
    private const string WriterName = "evergrain_writer";

    /// <summary>The manifest in a blob's metadata.</summary>
    /// <exception cref="JournalCorruptException">There is none.</exception>
    public static LogManifest Read(IDictionary<string, string> metadata) =>
        long.TryParse(Value(metadata, NumberName), CultureInfo.InvariantCulture, out var number) &&
        int.TryParse(Value(metadata, OrdinalName), CultureInfo.InvariantCulture, out var ordinal) &&
        long.TryParse(Value(metadata, PositionName), CultureInfo.InvariantCulture, out var position) &&
        ulong.TryParse(Value(metadata, WriterName), CultureInfo.InvariantCulture, out var writer)
            ? new LogManifest(number, ordinal, new JournalEnd(position, writer))
            : throw new JournalCorruptException("a blob of the log has lost its metadata");

    public Dictionary<string, string> Write() => new(StringComparer.Ordinal)
    {
        [NumberName] = Number.ToString(CultureInfo.InvariantCulture),
        [OrdinalName] = Ordinal.ToString(CultureInfo.InvariantCulture),
        [PositionName] = Begin.Position.ToString(CultureInfo.InvariantCulture),
        [WriterName] = Begin.LastWriter.ToString(CultureInfo.InvariantCulture),
    };

    private static string? Value(IDictionary<string, string> metadata, string name) =>
        metadata.TryGetValue(name, out var value) ? value : null;
}

/// <summary>A tail as it was at one moment.</summary>
/// <param name="Manifest">What its metadata say.</param>
/// <param name="End">Where the log ended.</param>
/// <param name="Bytes">Its length.</param>
/// <param name="Blocks">How many blocks it had.</param>
/// <param name="Tag">What it is known by: any change gives it another.</param>
internal sealed record LogTail(LogManifest Manifest, JournalEnd End, long Bytes, int Blocks, ETag Tag)
{
    /// <summary>A tail is sealed at so many blocks, since Azure reads an append blob block by block.</summary>
    public const int BlocksMax = 64;

    /// <summary>Or at so many bytes, 1 MiB: a cold read holds a tail as a whole.</summary>
    public const int BytesMax = 1 << 20;

    /// <summary>Whether its last block says that it is being sealed.</summary>
    public bool IsRolling { get; init; }

    /// <summary>Whether it takes no more appends, where so many blocks are the most.</summary>
    public bool IsFull(int blocksMax) => IsRolling || Blocks >= blocksMax || Bytes >= BytesMax;

    /// <summary>The tail behind one more append.</summary>
    public LogTail Behind(JournalEntry entry, int bytes, ETag tag) => this with
    {
        End = JournalEnd.Behind(entry),
        Bytes = Bytes + bytes,
        Blocks = Blocks + 1,
        Tag = tag,
    };
}

/// <summary>A tail with what is in it.</summary>
/// <param name="Tail">The tail.</param>
/// <param name="Content">Its bytes.</param>
/// <param name="Blocks">Its blocks; a rolling one is the last.</param>
internal sealed record ReadTail(LogTail Tail, ReadOnlyMemory<byte> Content, List<Block> Blocks)
{
    /// <summary>What is sealed of it: all but the rolling block.</summary>
    public ReadOnlyMemory<byte> Sealed => Tail.IsRolling ? Content[..^Block.HeaderBytes] : Content;

    /// <summary>Its appends.</summary>
    public IEnumerable<JournalEntry> Entries =>
        Blocks.Where(static block => block.Kind == BlockKind.Append).Select(static block => block.Entry);

    /// <summary>Whether an append is in it.</summary>
    public bool Holds(Block block) => Blocks.Exists(one => one.IsSame(block));
}
