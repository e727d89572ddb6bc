using System.Buffers;
using System.Text.Json;

namespace Evergrain.Providers.Checks;

/// <summary>The texts of one item, one after the other: its string values that may be prose, code or data.</summary>
internal ref struct ItemTexts
{
    private Utf8JsonReader _json;
    private char[] _chars = [];

    /// <summary>Before the first text of an item's JSON, which is well-formed.</summary>
    public ItemTexts(ReadOnlySpan<byte> item) => _json = new Utf8JsonReader(item, JsonStrings.Options);

    /// <summary>The text; valid until the next one is asked for.</summary>
    public ReadOnlySpan<char> Text { get; private set; }

    /// <summary>Goes to the next text; false after the last.</summary>
    public bool Next()
    {
        while (_json.Read())
        {
            if (_json.TokenType == JsonTokenType.PropertyName && !IsStructure(_json.ValueSpan))
            {
                continue;
            }

            // A string behind a name that says what the item is, not what is in it, is passed over.
            var isStructure = _json.TokenType == JsonTokenType.PropertyName && _json.Read();
            if (_json.TokenType == JsonTokenType.String && !isStructure)
            {
                Text = Decode();
                return true;
            }
        }

        return false;
    }

    public void Dispose()
    {
        if (_chars.Length > 0)
        {
            ArrayPool<char>.Shared.Return(_chars);
            _chars = [];
        }
    }

    private ReadOnlySpan<char> Decode()
    {
        if (_chars.Length < _json.ValueSpan.Length)
        {
            Dispose();
            _chars = ArrayPool<char>.Shared.Rent(_json.ValueSpan.Length);
        }

        return _chars.AsSpan(0, JsonStrings.Decode(ref _json, _chars));
    }

    // A name that is spelled with escapes counts as any other: its text is looked at.
    private static bool IsStructure(ReadOnlySpan<byte> name) =>
        name.SequenceEqual("type"u8) || name.SequenceEqual("role"u8) || name.SequenceEqual("status"u8) ||
        name.SequenceEqual("id"u8) || name.EndsWith("_id"u8) || name.SequenceEqual("encrypted_content"u8);
}
