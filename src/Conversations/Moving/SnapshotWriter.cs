using System.Buffers;
using System.Buffers.Binary;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Moving;

/// <summary>
/// Where a snapshot goes. A snapshot is a version byte, content, and the CRC-32C of both, little-endian. Texts that
/// come again (types, fields, renderings) are written once, and by number from then on.
/// </summary>
internal sealed class SnapshotWriter(IBufferWriter<byte> output, ModelCatalog models) : IBufferWriter<byte>
{
    /// <summary>The first version.</summary>
    public const byte FirstVersion = 1;

    /// <summary>
    /// With tags in turns' ids. Written only where there are some: a build that has none reads the first.
    /// </summary>
    public const byte TagsVersion = 2;

    public const int ChecksumBytes = sizeof(uint);
    private readonly Dictionary<string, int> _texts = new(StringComparer.Ordinal);
    private readonly ArrayBufferWriter<byte> _state = new();
    private Memory<byte> _given;
    private uint _checksum = Crc32C.Begin;

    /// <summary>Writes numbers, bytes and words.</summary>
    public PayloadWriter Payload => new(this);

    /// <summary>How the states of a rendering are written; null: they are not, nor is the rendering.</summary>
    public IStateCodec? StatesOf(string rendering) => models.StatesOf(rendering);

    /// <summary>An empty buffer for one state: a reader that cannot read it passes it over by its length.</summary>
    public ArrayBufferWriter<byte> State()
    {
        _state.ResetWrittenCount();
        return _state;
    }

    /// <summary>Writes a text that may come again.</summary>
    public void Text(string text)
    {
        if (_texts.TryGetValue(text, out var number))
        {
            Payload.Number(number);
            return;
        }

        _texts.Add(text, _texts.Count + 1);
        Payload.Number(0);
        Payload.Text(text);
    }

    /// <summary>Writes the checksum: the last of a snapshot.</summary>
    public void End()
    {
        BinaryPrimitives.WriteUInt32LittleEndian(output.GetSpan(ChecksumBytes), ~_checksum);
        output.Advance(ChecksumBytes);
    }

    public void Advance(int count)
    {
        _checksum = Crc32C.Append(_checksum, _given.Span[..count]);
        output.Advance(count);
    }

    public Memory<byte> GetMemory(int sizeHint = 0) => _given = output.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
}
