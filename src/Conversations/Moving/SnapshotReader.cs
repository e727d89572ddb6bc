using System.Buffers.Binary;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Moving;

/// <summary>Reads what <see cref="SnapshotWriter"/> wrote. What is read of bytes are slices of the snapshot.</summary>
internal ref struct SnapshotReader
{
    private readonly ModelCatalog _models;
    private readonly List<string> _texts = [];

    /// <summary>Reads numbers, bytes and words.</summary>
    public PayloadReader Payload;

    /// <summary>Begins behind the version.</summary>
    /// <exception cref="FormatException">It is of another version, or damaged.</exception>
    public SnapshotReader(ReadOnlyMemory<byte> snapshot, ModelCatalog models)
    {
        _models = models;
        var length = snapshot.Length - SnapshotWriter.ChecksumBytes;
        if (length < 1)
        {
            throw new FormatException("the snapshot is too short");
        }

        if (snapshot.Span[0] is not (SnapshotWriter.FirstVersion or SnapshotWriter.TagsVersion))
        {
            throw new FormatException($"snapshot version {snapshot.Span[0]} is not known to this program");
        }

        if (Crc32C.Compute(snapshot.Span[..length]) != BinaryPrimitives.ReadUInt32LittleEndian(snapshot.Span[length..]))
        {
            throw new FormatException("the snapshot's checksum does not match");
        }

        Payload = new PayloadReader(snapshot[1..length]);
    }

    /// <summary>How the states of a rendering are read; null: they cannot be.</summary>
    public readonly IStateCodec? StatesOf(string rendering) => _models.StatesOf(rendering);

    /// <summary>A text that may have come before.</summary>
    public string Text()
    {
        var number = Payload.Int();
        if (number == 0)
        {
            var text = Payload.Text();
            _texts.Add(string.IsInterned(text) ?? text);
            return _texts[^1];
        }

        return number > 0 && number <= _texts.Count ? _texts[number - 1] : throw new FormatException("an unknown text");
    }
}
