using Evergrain.Providers.Servers;

namespace Evergrain.Providers.Chat;

/// <summary>A tool as a chat-completions server is offered it: always a function.</summary>
/// <param name="FlatName">The name it has there.</param>
/// <param name="Namespace">The namespace a call of it carries here, or null.</param>
/// <param name="Name">The name a call of it carries here.</param>
/// <param name="IsCustom">Whether it takes free text: the server is offered one argument, <c>input</c>.</param>
/// <param name="Json">The element of the request's <c>tools</c>.</param>
internal sealed record OfferedTool(
    string FlatName, string? Namespace, string Name, bool IsCustom, ReadOnlyMemory<byte> Json);

/// <summary>One array of tools, converted once. Immutable.</summary>
internal sealed class ToolSet
{
    /// <summary>No tools.</summary>
    public static readonly ToolSet Empty = new(default);

    private readonly List<OfferedTool> _tools = [];
    private readonly Dictionary<string, OfferedTool> _byName = new(StringComparer.Ordinal);

    private ToolSet(ReadOnlyMemory<byte> json) => Json = json;

    /// <summary>The array as it came.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    /// <summary>The tools that can be offered, in their order.</summary>
    public IReadOnlyList<OfferedTool> Tools => _tools;

    /// <summary>Those that cannot: tools that OpenAI's servers run, nameless ones, second ones of a name.</summary>
    public Omissions Omitted { get; private set; } = Omissions.None;

    /// <summary>Converts an array of tools.</summary>
    public static ToolSet Read(ReadOnlyMemory<byte> json)
    {
        var set = new ToolSet(json);
        set.AddAll(PairedEscapes.Of(json), null);
        return set;
    }

    /// <summary>The tool of a flat name, or null.</summary>
    public OfferedTool? Find(string flatName) => _byName.GetValueOrDefault(flatName);

    private void AddAll(ReadOnlyMemory<byte> tools, string? space)
    {
        foreach (var element in JsonMembers.Elements(tools))
        {
            var tool = JsonMembers.Of(element);
            var (type, name) = (JsonContent.Text(tool["type"u8]), JsonContent.Text(tool["name"u8]));
            switch (type)
            {
                case "function" or "custom" when name is not null:
                    Add(tool, type == "custom", space, name);
                    break;
                case "namespace" when name is not null && space is null:
                    AddAll(tool["tools"u8], name);
                    break;
                default:
                    Omitted = Omitted.With(type);
                    break;
            }
        }
    }

    private void Add(in JsonMembers tool, bool isCustom, string? space, string name)
    {
        var flat = ToolNames.Flat(space, name);
        if (_byName.ContainsKey(flat))
        {
            Omitted = Omitted.With(Omissions.Duplicate);
            return;
        }

        var json = isCustom ? Custom(flat, tool) : Function(flat, tool);
        var offered = new OfferedTool(flat, space, name, isCustom, json);
        _byName.Add(flat, offered);
        _tools.Add(offered);
    }

    private static byte[] Function(string flat, in JsonMembers tool)
    {
        var (description, parameters, strict) = (tool["description"u8], tool["parameters"u8], tool["strict"u8]);
        var output = Begin(flat, parameters.Length + description.Length);
        if (JsonContent.IsString(description))
        {
            output.Raw(",\"description\":"u8).Raw(description);
        }

        output.Raw(",\"parameters\":"u8);
        WriteParameters(output, parameters);

        // False is what chat completions take a tool for that does not say.
        output.Raw(strict.Span.SequenceEqual("true"u8) ? ",\"strict\":true"u8 : default);

        return output.Raw("}}"u8).ToArray();
    }

    /// <summary>
    /// Writes the schema of a function's arguments. A function without arguments has one, too: servers that check
    /// schemas refuse the whole request for a schema without a type or properties.
    /// </summary>
    private static void WriteParameters(BodyWriter output, ReadOnlyMemory<byte> parameters)
    {
        var members = JsonMembers.Of(parameters);
        var hasType = !members["type"u8].IsEmpty;
        if (hasType && !members["properties"u8].IsEmpty)
        {
            output.Raw(parameters);
            return;
        }

        output.Raw(hasType ? "{"u8 : "{\"type\":\"object\""u8);
        var isFirst = hasType;
        foreach (var (name, value) in members.All)
        {
            if (value.Span[0] != 'n')
            {
                output.Raw(isFirst ? "\""u8 : ",\""u8).Raw(name).Raw("\":"u8).Raw(value);
                isFirst = false;
            }
        }

        output.Raw(members["properties"u8].IsEmpty ? ",\"properties\":{}}"u8 : "}"u8);
    }

    /// <summary>
    /// A tool that takes free text. A server cannot be held to its grammar, so the model is told it.
    /// </summary>
    private static byte[] Custom(string flat, in JsonMembers tool)
    {
        var format = JsonMembers.Of(tool["format"u8]);
        var definition = JsonContent.Inside(format["definition"u8]);
        var output = Begin(flat, definition.Length + tool["description"u8].Length)
            .Raw(",\"description\":\""u8).Raw(JsonContent.Inside(tool["description"u8]));
        if (!definition.IsEmpty)
        {
            output.Raw("\\n\\nThe input must follow this grammar ("u8).Raw(JsonContent.Inside(format["syntax"u8]))
                .Raw("):\\n"u8).Raw(definition);
        }

        return output.Raw("\",\"parameters\":{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\","u8)
            .Raw("\"description\":\"The whole input of the tool, as it is.\"}},\"required\":[\"input\"],"u8)
            .Raw("\"additionalProperties\":false}}}"u8).ToArray();
    }

    private static BodyWriter Begin(string flat, int bytes) => new BodyWriter(bytes + 320)
        .Raw("{\"type\":\"function\",\"function\":{\"name\":"u8).Quoted(flat);
}
