using System.Buffers;

namespace Evergrain.Providers.Chat;

/// <summary>
/// Takes away what some servers send before a call's arguments, in place of none: <c>{}</c>, <c>null</c>, <c>""</c> or
/// blanks. It holds back no more than these, so arguments go on at once.
/// </summary>
/// <remarks>
/// A brace goes on before it is known whether another one closes it. Where <c>{}</c> is followed by the arguments,
/// their own first brace is taken away instead.
/// </remarks>
internal sealed class ArgumentsLead
{
    private readonly ArrayBufferWriter<byte> _held = new();
    private readonly ArrayBufferWriter<byte> _passed = new();
    private Place _place;
    private int _matched;
    private bool _isQuote;

    private enum Place
    {
        /// <summary>Nothing but blanks so far, or what stands for none.</summary>
        Nothing,

        /// <summary>Within <c>null</c> or <c>""</c>.</summary>
        Word,

        /// <summary>Behind a first brace.</summary>
        Open,

        /// <summary>Behind <c>{}</c>; its last brace is held back.</summary>
        Closed,

        /// <summary>Within the arguments: all goes on.</summary>
        Past,
    }

    /// <summary>Whether the arguments so far are <c>{}</c>.</summary>
    public bool IsClosed => _place == Place.Closed;

    /// <summary>What can go on now.</summary>
    /// <param name="spelled">The inside of a JSON string, without half an escape.</param>
    /// <returns>Valid until the next call.</returns>
    public ReadOnlySpan<byte> Next(ReadOnlySpan<byte> spelled)
    {
        if (_place == Place.Past)
        {
            return spelled;
        }

        _passed.ResetWrittenCount();
        while (!spelled.IsEmpty && _place != Place.Past)
        {
            var unit = spelled[..LengthOfUnit(spelled)];
            Step(MeaningOf(unit), unit);
            spelled = spelled[unit.Length..];
        }

        _passed.Write(spelled);
        return _passed.WrittenSpan;
    }

    /// <summary>What is left where nothing follows.</summary>
    /// <param name="isText">Whether what stands for no arguments is a text here.</param>
    /// <returns>Valid until the next call.</returns>
    public ReadOnlySpan<byte> End(bool isText)
    {
        _passed.ResetWrittenCount();
        if (isText || _place is not Place.Nothing)
        {
            Release();
            return _passed.WrittenSpan;
        }

        // Source: OpenAI's own calls without arguments; clients parse it.
        return "{}"u8;
    }

    private static int LengthOfUnit(ReadOnlySpan<byte> spelled) =>
        spelled[0] != JsonContent.Escape ? 1 : spelled[1] == 'u' ? JsonContent.EscapeLength : 2;

    /// <summary>The character that a unit means; 0 for one that cannot stand in a lead.</summary>
    private static byte MeaningOf(ReadOnlySpan<byte> unit) => unit.Length switch
    {
        1 => unit[0],
        2 => unit[1] switch
        {
            (byte)'n' => (byte)'\n',
            (byte)'r' => (byte)'\r',
            (byte)'t' => (byte)'\t',
            (byte)'"' => (byte)'"',
            _ => 0,
        },
        _ => JsonContent.UnitOf(unit) is > 0 and < 128 and var character ? (byte)character : (byte)0,
    };

    private void Step(byte character, ReadOnlySpan<byte> unit)
    {
        var isSpace = character is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';
        switch (_place)
        {
            case Place.Nothing when isSpace:
                _held.Write(unit);
                break;
            case Place.Nothing or Place.Closed when character == '{':
                Enter(unit);
                break;
            case Place.Nothing when _held.WrittenCount == 0 && character is (byte)'n' or (byte)'"':
                (_place, _matched, _isQuote) = (Place.Word, 1, character == '"');
                _held.Write(unit);
                break;
            case Place.Word when character == (_isQuote ? "\"\""u8 : "null"u8)[_matched]:
                _held.Write(unit);
                _matched++;
                _place = _matched == (_isQuote ? 2 : 4) ? Place.Nothing : Place.Word;
                break;
            case Place.Open when isSpace:
                _passed.Write(unit);
                break;
            case Place.Open when character == '}':
            case Place.Closed when isSpace:
                _held.Write(unit);
                _place = Place.Closed;
                break;
            default:
                Release();
                _passed.Write(unit);
                _place = Place.Past;
                break;
        }
    }

    /// <summary>The arguments begin, perhaps behind what stood for none.</summary>
    private void Enter(ReadOnlySpan<byte> brace)
    {
        _held.ResetWrittenCount();
        _passed.Write(_place == Place.Nothing ? brace : default);
        _place = Place.Open;
    }

    private void Release()
    {
        _passed.Write(_held.WrittenSpan);
        _held.ResetWrittenCount();
    }
}
