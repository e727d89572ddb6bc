using System.Buffers;
using System.Text.Json;
using Evergrain.Conversations.Ports;

namespace Evergrain.Conversations.Wire;

/// <summary>
/// Validates a new parameter value and makes what response objects say of it: the value with the defaults filled in
/// that the schemas ask for. Done once per distinct value of a conversation.
/// </summary>
internal static class ParameterEcho
{
    private static readonly string[] FunctionDefaults = ["description", "parameters", "strict"];
    private static readonly string[] ReasoningDefaults = ["effort", "summary"];

    /// <summary>The echo of a field's value; the value's own bytes where nothing is to be filled in.</summary>
    /// <exception cref="ConversationException">The value is not what the field takes.</exception>
    public static ReadOnlyMemory<byte> Of(ParameterField field, ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = Limits.JsonDepthMax });
            return Of(field, document.RootElement, json);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string that is no Unicode text (an unpaired surrogate) where one is needed.
            throw new ConversationException(
                new Refusal(RefusalKind.InvalidRequest, $"'{field.Name}' is not a valid value.", field.Name), e);
        }
    }

    private static ReadOnlyMemory<byte> Of(ParameterField field, JsonElement value, ReadOnlyMemory<byte> json)
    {
        field.Validate(value);
        switch (field.Name)
        {
            case "metadata":
                ValidateMetadata(value);
                return json;
            case "tools":
                return Tools(value, json);
            case "reasoning":
                return Filled(value, ReasoningDefaults);
            case "text":
                return Text(value);
            default:
                return json;
        }
    }

    private static void ValidateMetadata(JsonElement metadata)
    {
        foreach (var pair in metadata.EnumerateObject())
        {
            if (pair.Name.Length > 64 || pair.Value.ValueKind != JsonValueKind.String ||
                pair.Value.GetString()!.Length > 512)
            {
                throw ConversationException.Of(RefusalKind.InvalidRequest,
                    "'metadata' takes keys of at most 64 characters and string values of at most 512.",
                    $"metadata.{pair.Name}");
            }
        }
    }

    private static ReadOnlyMemory<byte> Tools(JsonElement tools, ReadOnlyMemory<byte> json)
    {
        var index = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            if (tool.ValueKind != JsonValueKind.Object || !tool.TryGetProperty("type", out var type) ||
                type.ValueKind != JsonValueKind.String)
            {
                throw ConversationException.Of(RefusalKind.InvalidRequest,
                    $"'tools[{index}]' must be an object with a 'type'.", $"tools[{index}]");
            }

            index++;
        }

        return tools.EnumerateArray().All(IsWhole) ? json : Write(writer =>
        {
            writer.WriteStartArray();
            foreach (var tool in tools.EnumerateArray())
            {
                WriteFilled(writer, tool, tool.GetProperty("type").ValueEquals("function"u8) ? FunctionDefaults : []);
            }

            writer.WriteEndArray();
        });
    }

    private static bool IsWhole(JsonElement tool) => !tool.GetProperty("type").ValueEquals("function"u8) ||
        FunctionDefaults.All(name => tool.TryGetProperty(name, out _));

    private static ReadOnlyMemory<byte> Text(JsonElement text) => Write(writer =>
    {
        writer.WriteStartObject();
        if (!text.TryGetProperty("format", out var format) || format.ValueKind == JsonValueKind.Null)
        {
            writer.WritePropertyName("format"u8);
            writer.WriteRawValue("""{"type":"text"}"""u8);
        }

        foreach (var member in text.EnumerateObject().Where(member => member.Value.ValueKind != JsonValueKind.Null))
        {
            member.WriteTo(writer);
        }

        writer.WriteEndObject();
    });

    private static ReadOnlyMemory<byte> Filled(JsonElement value, string[] names) =>
        Write(writer => WriteFilled(writer, value, names));

    private static void WriteFilled(Utf8JsonWriter writer, JsonElement value, string[] names)
    {
        writer.WriteStartObject();
        foreach (var member in value.EnumerateObject())
        {
            member.WriteTo(writer);
        }

        foreach (var name in names.Where(name => !value.TryGetProperty(name, out _)))
        {
            writer.WriteNull(name);
        }

        writer.WriteEndObject();
    }

    private static ReadOnlyMemory<byte> Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            write(writer);
        }

        return buffer.WrittenSpan.ToArray();
    }
}
