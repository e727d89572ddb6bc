using System.Buffers;
using System.Buffers.Text;
using System.Text;
using System.Text.Encodings.Web;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// A reused buffer in which one JSON text is put together from literals, numbers and text that is JSON already.
/// </summary>
internal sealed class WireBuffer : IBufferWriter<byte>
{
    private readonly ArrayBufferWriter<byte> _buffer = new(512);

    /// <summary>Appends bytes as they are: a literal, or JSON made before.</summary>
    public WireBuffer Raw(ReadOnlySpan<byte> json)
    {
        _buffer.Write(json);
        return this;
    }

    public WireBuffer Number(long value)
    {
        Utf8Formatter.TryFormat(value, _buffer.GetSpan(20), out var written);
        _buffer.Advance(written);
        return this;
    }

    /// <summary>Appends a text as a JSON string, escaped no more than JSON needs.</summary>
    public WireBuffer Quoted(string value)
    {
        Raw("\""u8);
        var escaped = JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(value);
        var span = _buffer.GetSpan(Encoding.UTF8.GetMaxByteCount(escaped.Length));
        _buffer.Advance(Encoding.UTF8.GetBytes(escaped, span));
        return Raw("\""u8);
    }

    public WireBuffer QuotedOrNull(string? value) => value is null ? Raw("null"u8) : Quoted(value);

    public WireBuffer Flag(bool value) => Raw(value ? "true"u8 : "false"u8);

    /// <summary>The text so far, in an array of its own; the buffer begins anew.</summary>
    public byte[] Take()
    {
        var taken = _buffer.WrittenSpan.ToArray();
        _buffer.ResetWrittenCount();
        return taken;
    }

    void IBufferWriter<byte>.Advance(int count) => _buffer.Advance(count);

    Memory<byte> IBufferWriter<byte>.GetMemory(int sizeHint) => _buffer.GetMemory(sizeHint);

    Span<byte> IBufferWriter<byte>.GetSpan(int sizeHint) => _buffer.GetSpan(sizeHint);
}
