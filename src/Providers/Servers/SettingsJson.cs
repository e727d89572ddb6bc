using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace Evergrain.Providers.Servers;

/// <summary>
/// Makes the JSON of a setting again. A configuration holds each value of a file as text, so a text that reads as a
/// number, true or false becomes one. A setting that is one text is JSON already.
/// </summary>
internal static class SettingsJson
{
    private const string Empty = "{}";

    /// <summary>The JSON of a setting. A configuration holds an empty object as no value.</summary>
    public static string Of(IConfigurationSection setting)
    {
        if (!setting.GetChildren().Any())
        {
            return string.IsNullOrEmpty(setting.Value) ? Empty : setting.Value;
        }

        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes))
        {
            Write(writer, setting);
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static void Write(Utf8JsonWriter writer, IConfigurationSection setting)
    {
        var children = setting.GetChildren().ToList();
        if (children.Count == 0)
        {
            WriteValue(writer, setting.Value);
        }
        else if (children.TrueForAll(static child => child.Key.All(char.IsAsciiDigit)))
        {
            writer.WriteStartArray();
            children.ForEach(child => Write(writer, child));
            writer.WriteEndArray();
        }
        else
        {
            writer.WriteStartObject();
            foreach (var child in children)
            {
                writer.WritePropertyName(child.Key);
                Write(writer, child);
            }

            writer.WriteEndObject();
        }
    }

    private static void WriteValue(Utf8JsonWriter writer, string? text)
    {
        if (text is null)
        {
            writer.WriteNullValue();
        }
        else if (bool.TryParse(text, out var truth))
        {
            writer.WriteBooleanValue(truth);
        }
        else if (IsNumber(text))
        {
            writer.WriteRawValue(text);
        }
        else
        {
            writer.WriteStringValue(text);
        }
    }

    private static bool IsNumber(string text)
    {
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(text));
        try
        {
            return reader.Read() && reader.TokenType == JsonTokenType.Number && !reader.Read();
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
