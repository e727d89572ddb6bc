using System.Text.Json;

namespace Evergrain.Conversations.Wire;

/// <summary>Says where a text stops being JSON. The parser's own sentences are for programmers and change.</summary>
public static class JsonPlace
{
    /// <summary>The line and the byte in it, both from 1: <c>line 3, byte 14</c>.</summary>
    public static string Of(JsonException wrong)
    {
        ArgumentNullException.ThrowIfNull(wrong);
        return $"line {wrong.LineNumber + 1}, byte {wrong.BytePositionInLine + 1}";
    }
}
