using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;

namespace Evergrain.Conversations.Tests.Simulation;

/// <summary>What is read of events and items without parsing them: their writer's order is fixed.</summary>
internal static class WireText
{
    /// <summary>An event's type.</summary>
    public static ReadOnlySpan<byte> TypeOf(ReadOnlySpan<byte> json)
    {
        var rest = json["{\"type\":\""u8.Length..];
        return rest[..rest.IndexOf((byte)'"')];
    }

    /// <summary>An event's number.</summary>
    public static int NumberOf(ReadOnlySpan<byte> json) => NumberBehind(json, "\"sequence_number\":"u8);

    /// <summary>An item event's output index.</summary>
    public static int OutputIndexOf(ReadOnlySpan<byte> json) => NumberBehind(json, "\"output_index\":"u8);

    /// <summary>The response object in an event that carries one.</summary>
    public static ReadOnlyMemory<byte> ResponseOf(ReadOnlyMemory<byte> json)
    {
        var start = json.Span.IndexOf("\"response\":"u8) + "\"response\":"u8.Length;
        return json[start..^1];
    }

    /// <summary>A response object's status.</summary>
    public static string StatusOf(ReadOnlySpan<byte> response) => TextBehind(response, "\"status\":\""u8)!;

    /// <summary>A response object with the empty metadata of its create; and the metadata that it has.</summary>
    public static (ReadOnlyMemory<byte> Response, ReadOnlyMemory<byte> Metadata) TakeMetadata(
        ReadOnlyMemory<byte> response)
    {
        var from = response.Span.IndexOf("\"metadata\":"u8) + "\"metadata\":"u8.Length;
        var to = from + response.Span[from..].IndexOf((byte)'}') + 1;
        byte[] plain = [.. response.Span[..from], .. "{}"u8, .. response.Span[to..]];
        return (plain, response[from..to]);
    }

    /// <summary>An item's call id; null if it has none.</summary>
    public static string? CallId(ReadOnlySpan<byte> item) => TextBehind(item, "\"call_id\":\""u8);

    /// <summary>Whether an item is a call, and not the output of one.</summary>
    public static bool IsCall(ReadOnlySpan<byte> item) => item.IndexOf("\"type\":\"function_call\""u8) >= 0;

    /// <summary>A call from its call id on; null if the item is none.</summary>
    /// <param name="item">The item, or what follows in it.</param>
    /// <param name="isSlowAsync">Whether the create declared <see cref="SimulatedCall.Slow"/> as async.</param>
    public static MadeCall? CallOf(ReadOnlySpan<byte> item, bool isSlowAsync)
    {
        if (CallId(item) is not { } id)
        {
            return null;
        }

        var head = item[..item.IndexOf("\"arguments\":"u8)];
        var isSlow = TextBehind(head, "\"name\":\""u8) == SimulatedCall.Slow;
        return new MadeCall(id, head.IndexOf("\"async\":true"u8) >= 0 || (isSlow && isSlowAsync));
    }

    private static int NumberBehind(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name) =>
        json.IndexOf(name) is >= 0 and var at &&
        Utf8Parser.TryParse(json[(at + name.Length)..], out int number, out _) ? number : -1;

    private static string? TextBehind(ReadOnlySpan<byte> json, ReadOnlySpan<byte> name)
    {
        if (json.IndexOf(name) is not (>= 0 and var at))
        {
            return null;
        }

        var rest = json[(at + name.Length)..];
        return Encoding.UTF8.GetString(rest[..rest.IndexOf((byte)'"')]);
    }
}

/// <summary>Words that are put together only where a check failed.</summary>
[InterpolatedStringHandler]
internal readonly ref struct FaultText
{
    private readonly StringBuilder? _text;

    public FaultText(int literalLength, int formattedCount, bool holds, out bool shouldAppend)
    {
        shouldAppend = !holds;
        _text = holds ? null : new StringBuilder(literalLength + (8 * formattedCount));
    }

    public void AppendLiteral(string text) => _text!.Append(text);

    public void AppendFormatted<T>(T value) => _text!.Append(value);

    public void AppendFormatted<T>(T value, string format)
        where T : IFormattable => _text!.Append(value.ToString(format, null));

    public override string ToString() => _text?.ToString() ?? string.Empty;
}
