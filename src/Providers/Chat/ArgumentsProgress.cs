namespace Evergrain.Providers.Chat;

/// <summary>
/// Whether a call's arguments, which come piece by piece, are a whole JSON object yet: nothing can follow it, so the
/// call can end before the answer does.
/// </summary>
internal struct ArgumentsProgress
{
    private int _depth;
    private bool _isInString;
    private bool _isEscaped;
    private bool _isOther;

    /// <summary>Whether the object is whole.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Whether an object has begun and is not whole.</summary>
    public readonly bool IsOpen => !IsWhole && !_isOther && _depth > 0;

    /// <summary>Reads the next piece.</summary>
    /// <param name="text">The text meant, in UTF-8.</param>
    public void Read(ReadOnlySpan<byte> text)
    {
        foreach (var character in text)
        {
            Step(character);
        }
    }

    private static bool IsSpace(byte character) => character is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';

    private void Step(byte character)
    {
        if (_isOther || IsWhole)
        {
            return;
        }

        if (_isInString)
        {
            _isInString = _isEscaped || character != '"';
            _isEscaped = !_isEscaped && character == '\\';
            return;
        }

        switch (character)
        {
            case (byte)'{' or (byte)'[':
                _depth++;
                break;
            case (byte)'}' or (byte)']':
                _depth--;
                IsWhole = _depth == 0;
                break;
            case (byte)'"':
                _isInString = true;
                break;
        }

        // Whatever does not begin with a brace has no end that could be seen.
        _isOther = _depth <= 0 && !IsWhole && !IsSpace(character);
    }
}
