using System.Buffers;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Records;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// The shape of a stream: what the finished items do not tell of the events that built them. Written by the live turn,
/// kept in the journal, read to make the same events again.
/// </summary>
/// <remarks>
/// A version byte: of the shape, and of the code that writes events from it, whose bytes it must give for ever; another
/// wording of any event is a new version beside these. Then LEB128 numbers: odd = a delta of n/2 bytes; even n/2 =
/// 1 item started, 2 part done, 3 item done, 4 cut short, 8+k part of kind k started. Version 2, written only where it
/// is needed, has these as well, with length-prefixed bytes behind them: 32 item started as this JSON, 33 part done as
/// this JSON, 34 item done as its server said, 35 the same where the streamed texts differ from the item's: they are
/// those of this JSON, 36 another event, its type and its members. Version 3, written only where it is needed, has
/// those of version 2 and 37, log probabilities of the delta that follows, a JSON array.
/// </remarks>
internal sealed class StreamShapeWriter
{
    public const byte Version = 1, VerbatimVersion = 2, LogprobsVersion = 3;
    public const int ItemStarted = 1, PartDone = 2, ItemDone = 3, Cut = 4, PartStarted = 8;
    public const int ItemStartedAs = 32, PartDoneAs = 33, ItemDoneAs = 34, ItemDoneApart = 35, Raw = 36, Logprobs = 37;
    private readonly ArrayBufferWriter<byte> _bytes = new(64);
    private byte _version = Version;

    /// <summary>Bytes so far.</summary>
    public int Length => 1 + _bytes.WrittenCount;

    /// <summary>The shape so far, in an array of its own.</summary>
    public byte[] ToArray() => [_version, .. _bytes.WrittenSpan];

    public void Add(in ModelEvent model)
    {
        switch (model.Kind)
        {
            case ModelEventKind.Delta:
                AddLogprobs(model.Logprobs.Span);
                new PayloadWriter(_bytes).Number(((long)model.Text.Length << 1) | 1);
                break;
            case ModelEventKind.ItemStarted:
                Add(ItemStarted, ItemStartedAs, model.Json);
                break;
            case ModelEventKind.PartStarted:
                Add(PartStarted + (int)model.Part);
                break;
            case ModelEventKind.PartDone:
                Add(PartDone, PartDoneAs, model.Json);
                break;
            case ModelEventKind.Raw:
                AddVerbatim(Raw);
                new PayloadWriter(_bytes).Text(model.Name!);
                new PayloadWriter(_bytes).Bytes(model.Json.Span);
                break;
        }
    }

    /// <summary>An item that was written from what was streamed is whole.</summary>
    public void AddItemDone() => Add(ItemDone);

    /// <summary>An item is whole as its server said.</summary>
    /// <param name="streamed">
    /// The item as its streamed texts make it, where those are not the server's item's; else empty.
    /// </param>
    public void AddItemDoneAs(ReadOnlySpan<byte> streamed)
    {
        AddVerbatim(streamed.IsEmpty ? ItemDoneAs : ItemDoneApart);
        if (!streamed.IsEmpty)
        {
            new PayloadWriter(_bytes).Bytes(streamed);
        }
    }

    public void AddCut() => Add(Cut);

    private void Add(int code) => new PayloadWriter(_bytes).Number((long)code << 1);

    private void Add(int code, int verbatimCode, ReadOnlyMemory<byte> json)
    {
        if (json.IsEmpty)
        {
            Add(code);
            return;
        }

        AddVerbatim(verbatimCode);
        new PayloadWriter(_bytes).Bytes(json.Span);
    }

    private void AddVerbatim(int code)
    {
        _version = Math.Max(_version, VerbatimVersion);
        Add(code);
    }

    private void AddLogprobs(ReadOnlySpan<byte> array)
    {
        if (!array.IsEmpty)
        {
            _version = LogprobsVersion;
            Add(Logprobs);
            new PayloadWriter(_bytes).Bytes(array);
        }
    }
}
