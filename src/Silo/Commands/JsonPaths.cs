using System.Text.Json;

namespace Evergrain.Silo.Commands;

/// <summary>Reads members of JSON that another build may have written: what is missing is null.</summary>
internal static class JsonPaths
{
    /// <summary>The member at a path; null: it is not there, or holds null.</summary>
    public static JsonElement? At(this JsonElement element, params ReadOnlySpan<string> path)
    {
        var found = element;
        foreach (var name in path)
        {
            if (found.ValueKind != JsonValueKind.Object || !found.TryGetProperty(name, out var inner))
            {
                return null;
            }

            found = inner;
        }

        return found.ValueKind == JsonValueKind.Null ? null : found;
    }

    /// <summary>The text at a path.</summary>
    public static string? Text(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.At(path) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>The number at a path.</summary>
    public static double? Number(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.At(path) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : null;

    /// <summary>The elements of the list at a path; none where there is no list.</summary>
    public static IReadOnlyList<JsonElement> List(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.At(path) is { ValueKind: JsonValueKind.Array } list ? [.. list.EnumerateArray()] : [];

    /// <summary>Whether the member at a path is true.</summary>
    public static bool IsTrue(this JsonElement element, params ReadOnlySpan<string> path) =>
        element.At(path) is { ValueKind: JsonValueKind.True };
}
