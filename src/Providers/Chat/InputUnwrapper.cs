using System.Buffers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Takes the input of a custom tool out of the arguments of the function that stands for it, <c>{"input":"…"}</c>, as
/// they come. Where they are no such object, <see cref="WrappedInput"/> looks for the input in the whole of them, and
/// where it finds none, the whole is the input.
/// </summary>
/// <remarks>
/// Models do not always write JSON: a control character within the string is escaped, a backslash that escapes nothing
/// stands for itself. What comes out is the inside of a JSON string; the halves of a pair may come apart.
/// </remarks>
/// <param name="tool">The tool's name, which is no input.</param>
internal sealed class InputUnwrapper(string tool)
{
    private const int EscapeLength = JsonContent.EscapeLength;

    private static readonly SearchValues<byte> Special =
        SearchValues.Create([.. Enumerable.Range(0, ' ').Select(i => (byte)i), (byte)'"', (byte)'\\']);

    // Kept until it is known whether it is the input.
    private readonly ArrayBufferWriter<byte> _spelled = new();
    private readonly ArrayBufferWriter<byte> _name = new();
    private readonly byte[] _escape = new byte[EscapeLength];
    private Place _place;
    private int _escapeLength;
    private int _depth;
    private bool _hasInput;
    private bool _isInString;
    private bool _isEscaped;

    /// <summary>Whether the input has begun and not ended.</summary>
    public bool IsInInput => _place == Place.Input;

    /// <summary>Reads the next piece of the arguments.</summary>
    /// <param name="spelled">The inside of the JSON string that they came in.</param>
    /// <param name="meant">The same unescaped.</param>
    /// <param name="output">Takes what is known to be the input.</param>
    public void Read(ReadOnlySpan<byte> spelled, ReadOnlySpan<byte> meant, IBufferWriter<byte> output)
    {
        if (_place == Place.Plain)
        {
            output.Write(spelled);
            return;
        }

        if (!_hasInput)
        {
            _spelled.Write(spelled);
        }

        while (!meant.IsEmpty && _place is not (Place.End or Place.Plain))
        {
            meant = _place == Place.Input ? meant[TakeInput(meant, output)..] : Step(meant);
        }

        if (_place == Place.Plain)
        {
            output.Write(_spelled.WrittenSpan);
        }
    }

    /// <summary>No piece follows.</summary>
    public void End(IBufferWriter<byte> output)
    {
        if (_hasInput || _place == Place.Plain)
        {
            return;
        }

        var meant = new byte[_spelled.WrittenCount];
        var length = JsonContent.Unescape(_spelled.WrittenSpan, meant);
        output.Write(WrappedInput.Find(meant.AsSpan(0, length), tool) is { } input
            ? new BodyWriter().Content(input).ToArray()
            : _spelled.WrittenSpan);
    }

    private static bool IsSpace(byte character) => character is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';

    private ReadOnlySpan<byte> Step(ReadOnlySpan<byte> text)
    {
        var character = text[0];
        switch (_place)
        {
            case Place.Start when !IsSpace(character):
                _place = character == '{' ? Place.BeforeName
                    : WrappedInput.CanBegin(character) ? Place.End
                    : Place.Plain;
                break;
            case Place.BeforeName when character is (byte)'"' or (byte)'}':
                _place = character == '"' ? Place.Name : Place.End;
                _name.ResetWrittenCount();
                break;
            case Place.Name:
                StepName(character);
                break;
            case Place.BeforeValue when !IsSpace(character) && character != ':':
                _place = character == '"' && _name.WrittenSpan.SequenceEqual("input"u8)
                    ? Place.Input
                    : Place.OtherValue;
                _hasInput = _place == Place.Input;

                // The first character of another value is its own.
                return _hasInput ? text[1..] : text;
            case Place.OtherValue:
                StepOther(character);
                break;
        }

        return text[1..];
    }

    private void StepName(byte character)
    {
        if (!_isEscaped && character == '"')
        {
            _place = Place.BeforeValue;
            return;
        }

        _isEscaped = !_isEscaped && character == '\\';
        _name.Write([character]);
    }

    private void StepOther(byte character)
    {
        if (_isInString)
        {
            _isInString = _isEscaped || character != '"';
            _isEscaped = !_isEscaped && character == '\\';
            return;
        }

        _isInString = character == '"';
        _depth += character switch
        {
            (byte)'{' or (byte)'[' => 1,
            (byte)'}' or (byte)']' => -1,
            _ => 0,
        };
        if (_depth < 0)
        {
            _place = Place.End;
        }
        else if (_depth == 0 && character == ',')
        {
            _place = Place.BeforeName;
        }
    }

    /// <summary>Takes text of the input up to and with the next special character; gives its length.</summary>
    private int TakeInput(ReadOnlySpan<byte> text, IBufferWriter<byte> output)
    {
        if (_escapeLength > 0)
        {
            return TakeEscape(text[0], output) ? 1 : 0;
        }

        var run = text.IndexOfAny(Special);
        output.Write(run < 0 ? text : text[..run]);
        if (run < 0)
        {
            return text.Length;
        }

        switch (text[run])
        {
            case (byte)'"':
                _place = Place.End;
                break;
            case JsonContent.Escape:
                _escape[_escapeLength++] = JsonContent.Escape;
                break;
            default:
                output.Advance(JsonEscape.Write(text[run], output.GetSpan(EscapeLength)));
                break;
        }

        return run + 1;
    }

    /// <summary>Takes the next character of an escape; false where it belongs to none.</summary>
    private bool TakeEscape(byte character, IBufferWriter<byte> output)
    {
        var isPart = _escapeLength == 1
            ? "\"\\/bfnrtu"u8.Contains(character)
            : char.IsAsciiHexDigit((char)character);
        if (!isPart)
        {
            output.Write("\\"u8);
            Flush(output);
            return false;
        }

        _escape[_escapeLength++] = character;
        if (_escape[1] != 'u' || _escapeLength == EscapeLength)
        {
            Flush(output);
        }

        return true;
    }

    private void Flush(IBufferWriter<byte> output)
    {
        output.Write(_escape.AsSpan(0, _escapeLength));
        _escapeLength = 0;
    }

    private enum Place
    {
        Start,
        BeforeName,
        Name,
        BeforeValue,
        OtherValue,
        Input,

        /// <summary>Behind the input, or in what has no such input.</summary>
        End,

        /// <summary>No object: all of it is the input.</summary>
        Plain,
    }
}
