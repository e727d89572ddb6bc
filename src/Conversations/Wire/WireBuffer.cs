using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;
using Evergrain.Conversations.Holding;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// A buffer in which one JSON text is put together from literals, numbers and text that is JSON already. It holds
/// memory of the pool from the first byte to <see cref="Take"/>: between texts, and so in an idle conversation, none.
/// </summary>
internal sealed class WireBuffer : IBufferWriter<byte>
{
    // Most events are deltas; one that carries 18 KB of tools grows three times.
    private const int FirstBytes = 4096;

    private byte[] _bytes = [];
    private int _count;

    /// <summary>Bytes of the text so far.</summary>
    public int Count => _count;

    /// <summary>Appends bytes as they are: a literal, or JSON made before.</summary>
    public WireBuffer Raw(ReadOnlySpan<byte> json)
    {
        json.CopyTo(GetSpan(json.Length));
        _count += json.Length;
        return this;
    }

    public WireBuffer Number(long value)
    {
        Utf8Formatter.TryFormat(value, GetSpan(20), out var written);
        _count += written;
        return this;
    }

    /// <summary>Appends a text as a JSON string, escaped no more than JSON needs.</summary>
    public WireBuffer Quoted(string value)
    {
        Raw("\""u8);
        var escaped = JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value);
        _count += Encoding.UTF8.GetBytes(escaped, GetSpan(Encoding.UTF8.GetMaxByteCount(escaped.Length)));
        return Raw("\""u8);
    }

    public WireBuffer QuotedOrNull(string? value) => value is null ? Raw("null"u8) : Quoted(value);

    public WireBuffer Flag(bool value) => Raw(value ? "true"u8 : "false"u8);

    /// <summary>The text so far, in an array of its own; the buffer begins anew.</summary>
    public byte[] Take()
    {
        var taken = _bytes.AsSpan(0, _count).ToArray();
        Return();
        _count = 0;
        return taken;
    }

    void IBufferWriter<byte>.Advance(int count) => _count += count;

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_count);
    }

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint) => GetSpan(sizeHint);

    private Span<byte> GetSpan(int sizeHint)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_count);
    }

    private void Reserve(int room)
    {
        room = Math.Max(room, 1);
        if (_bytes.Length - _count >= room)
        {
            return;
        }

        var larger = PooledBytes.Rent(Math.Max(FirstBytes, Math.Max(_bytes.Length * 2, _count + room)));
        _bytes.AsSpan(0, _count).CopyTo(larger);
        Return();
        _bytes = larger;
    }

    private void Return()
    {
        if (_bytes.Length > 0)
        {
            PooledBytes.Return(_bytes);
            _bytes = [];
        }
    }
}
