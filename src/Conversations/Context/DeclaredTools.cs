using System.Text.Json;

namespace Evergrain.Conversations.Context;

/// <summary>What a call says of the tool that it calls.</summary>
/// <param name="Namespace">The namespace that the tool was declared in, or null.</param>
/// <param name="Name">The tool's name.</param>
internal readonly record struct ToolName(string? Namespace, string Name)
{
    public override string ToString() => Namespace is null ? Name : $"{Namespace}.{Name}";
}

/// <summary>
/// The function and custom tools of one <c>tools</c> array, and which of them are async: a call of such a tool may stay
/// open for turns. Immutable once it is read.
/// </summary>
/// <remarks>
/// Source: OpenAI's guide on async tool calling. <c>async</c> is a member of function and custom tools, also of those
/// inside a namespace, and of nothing else.
/// </remarks>
internal sealed class DeclaredTools
{
    /// <summary>No tools.</summary>
    public static readonly DeclaredTools None = new();

    private readonly Dictionary<ToolName, bool> _tools = [];

    private DeclaredTools()
    {
    }

    /// <summary>Every tool by its name, and whether it is async.</summary>
    public IReadOnlyDictionary<ToolName, bool> All => _tools;

    /// <summary>The first async tool; null if there is none.</summary>
    public ToolName? FirstAsync { get; private set; }

    /// <summary>What is wrong with an <c>async</c> member and the member's path; null if nothing is.</summary>
    public (string Message, string Path)? Fault { get; private set; }

    /// <summary>Reads a create's <c>tools</c>.</summary>
    public static DeclaredTools Read(ReadOnlyMemory<byte> tools)
    {
        using var document = JsonDocument.Parse(tools, new JsonDocumentOptions { MaxDepth = Limits.JsonDepthMax });
        var declared = new DeclaredTools();
        declared.AddAll(document.RootElement, null, "tools");
        return declared;
    }

    /// <summary>Reads the <c>tools</c> of an <c>additional_tools</c> item.</summary>
    public static DeclaredTools ReadItem(ReadOnlyMemory<byte> item, string path)
    {
        using var document = JsonDocument.Parse(item, new JsonDocumentOptions { MaxDepth = Limits.JsonDepthMax });
        var declared = new DeclaredTools();
        declared.AddAll(Member(document.RootElement, "tools"), null, path + ".tools");
        return declared;
    }

    private void AddAll(JsonElement tools, string? space, string path)
    {
        if (tools.ValueKind != JsonValueKind.Array)
        {
            return;
        }

        var index = 0;
        foreach (var tool in tools.EnumerateArray())
        {
            if (tool.ValueKind == JsonValueKind.Object)
            {
                Add(tool, space, $"{path}[{index}]");
            }

            index++;
        }
    }

    private void Add(JsonElement tool, string? space, string path)
    {
        var (type, name, mark) = (Text(Member(tool, "type")), Text(Member(tool, "name")), Member(tool, "async"));
        if (type is not ("function" or "custom"))
        {
            Fault ??= mark.ValueKind == JsonValueKind.Undefined
                ? null
                : ($"Unknown parameter: '{path}.async'.", $"{path}.async");
            if (type == "namespace" && space is null && name is not null)
            {
                AddAll(Member(tool, "tools"), name, $"{path}.tools");
            }

            return;
        }

        if (mark.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.True
            or JsonValueKind.False))
        {
            Fault ??= ($"'{path}.async' must be true or false.", $"{path}.async");
        }

        if (name is not null)
        {
            Add(new ToolName(space, name), mark.ValueKind == JsonValueKind.True);
        }
    }

    private void Add(ToolName tool, bool isAsync)
    {
        _tools[tool] = isAsync || _tools.GetValueOrDefault(tool);
        FirstAsync ??= isAsync ? tool : null;
    }

    /// <summary>A member; undefined where there is none, or where a name before it is no Unicode text.</summary>
    private static JsonElement Member(JsonElement element, string name)
    {
        try
        {
            return element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value)
                ? value
                : default;
        }
        catch (InvalidOperationException)
        {
            // An unpaired surrogate: no tool that can be called by name has one in its members' names.
            return default;
        }
    }

    private static string? Text(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            // An unpaired surrogate: no call can name it.
            return null;
        }
    }
}
