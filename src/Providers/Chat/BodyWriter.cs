using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;

namespace Evergrain.Providers.Chat;

/// <summary>Puts a piece of a request body together from literals, text and slices of JSON.</summary>
/// <param name="capacity">Bytes that are probably enough.</param>
internal sealed class BodyWriter(int capacity = 256)
{
    // What may not stand in a JSON string as it is.
    private static readonly SearchValues<byte> Unsafe =
        SearchValues.Create([.. Enumerable.Range(0, ' ').Select(i => (byte)i), (byte)'"', (byte)'\\']);

    private readonly ArrayBufferWriter<byte> _bytes = new(capacity);

    /// <summary>Whether nothing was written.</summary>
    public bool IsEmpty => _bytes.WrittenCount == 0;

    /// <summary>Appends bytes as they are: a literal, or JSON made before.</summary>
    public BodyWriter Raw(ReadOnlySpan<byte> json)
    {
        _bytes.Write(json);
        return this;
    }

    /// <summary>Appends JSON made before.</summary>
    public BodyWriter Raw(ReadOnlyMemory<byte> json) => Raw(json.Span);

    /// <summary>Appends a text as a JSON string, escaped no more than JSON needs.</summary>
    public BodyWriter Quoted(string text) => Raw("\""u8).Content(text).Raw("\""u8);

    /// <summary>Appends a text as the inside of a JSON string.</summary>
    public BodyWriter Content(string text)
    {
        Encoding.UTF8.GetBytes(JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text), _bytes);
        return this;
    }

    /// <summary>
    /// Appends UTF-8 as the inside of a JSON string: so JSON stands in a string, and the escapes in it are escaped
    /// again.
    /// </summary>
    public BodyWriter Escaped(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            var run = text.IndexOfAny(Unsafe);
            run = run < 0 ? text.Length : run;
            _bytes.Write(text[..run]);
            if (run < text.Length)
            {
                WriteEscape(text[run]);
                run++;
            }

            text = text[run..];
        }

        return this;
    }

    /// <summary>What was written, in an array of its own.</summary>
    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    private void WriteEscape(byte character)
    {
        var target = _bytes.GetSpan(JsonContent.EscapeLength);
        _bytes.Advance(JsonEscape.Write(character, target));
    }
}

/// <summary>How one character of ASCII is written in a JSON string that it cannot stand in as it is.</summary>
internal static class JsonEscape
{
    /// <summary>Writes the escape of a quote, a backslash or a control character; gives its length.</summary>
    public static int Write(byte character, Span<byte> target)
    {
        target[0] = JsonContent.Escape;
        target[1] = character switch
        {
            (byte)'\b' => (byte)'b',
            (byte)'\f' => (byte)'f',
            (byte)'\n' => (byte)'n',
            (byte)'\r' => (byte)'r',
            (byte)'\t' => (byte)'t',
            >= (byte)' ' => character,
            _ => (byte)'u',
        };
        if (target[1] != 'u' || character >= ' ')
        {
            return 2;
        }

        "00"u8.CopyTo(target[2..]);
        target[4] = (byte)('0' + (character >> 4));
        target[5] = (byte)"0123456789abcdef"[character & 15];
        return JsonContent.EscapeLength;
    }
}
