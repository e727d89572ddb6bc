using Evergrain.Conversations.Ports;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Chat;

/// <summary>
/// The tools of one call: those of its parameters and of the context's <c>additional_tools</c> items, and what
/// <c>tool_choice</c> makes of them. Where two have one name, the call's own is meant, then the newest.
/// </summary>
internal sealed class CallTools
{
    private static readonly ReadOnlyMemory<byte> Required = "\"required\""u8.ToArray();

    private readonly ToolSet _given;
    private readonly List<OfferedTool> _offered = [];

    // By flat name, the one that is meant; null where the parameters' own are all there are.
    private readonly Dictionary<string, OfferedTool>? _meant;

    /// <summary>Gathers the tools.</summary>
    /// <param name="state">The state behind the context.</param>
    /// <param name="given">The parameters' own tools.</param>
    public CallTools(ChatState state, ToolSet given)
    {
        _given = given;
        if (state.Tools.IsEmpty)
        {
            (_offered, Omitted) = ([.. given.Tools], given.Omitted);
            return;
        }

        var sets = state.Tools.Add(given);
        _meant = new Dictionary<string, OfferedTool>(StringComparer.Ordinal);
        foreach (var set in sets)
        {
            Omitted = Omitted.With(set.Omitted);
            foreach (var tool in set.Tools)
            {
                _meant[tool.FlatName] = tool;
            }
        }

        _offered = [.. sets.SelectMany(static set => set.Tools)
            .Where(tool => ReferenceEquals(_meant[tool.FlatName], tool))];
    }

    /// <summary>The tool that the answer must call, once the choice is known; null: none.</summary>
    public OfferedTool? Forced { get; private set; }

    /// <summary>Tools that cannot be offered.</summary>
    public Omissions Omitted { get; private set; } = Omissions.None;

    /// <summary>Whether none is offered.</summary>
    public bool IsEmpty => _offered.Count == 0;

    /// <summary>The tool that a flat name means; null if it names none here.</summary>
    public OfferedTool? Find(string flatName) =>
        _meant is null ? _given.Find(flatName) : _meant.GetValueOrDefault(flatName);

    /// <summary>The tool that a model means by a name, perhaps spelled otherwise; null if that is not clear.</summary>
    public OfferedTool? FindMeant(string said) => Find(said) ?? SaidNames.Find(said, _offered);

    /// <summary>Notes which tool an answer must call.</summary>
    /// <param name="choice">The create's <c>tool_choice</c>; empty where it has none.</param>
    public void Choose(ReadOnlyMemory<byte> choice)
    {
        var chosen = JsonMembers.Of(choice);
        Forced = JsonContent.Text(chosen["type"u8]) is "function" or "custom" ? Find(FlatName(chosen)) : null;
    }

    /// <summary>Writes the members <c>tools</c> and <c>tool_choice</c>; nothing where no tool is offered.</summary>
    /// <param name="output">Where to.</param>
    /// <param name="choice">The create's <c>tool_choice</c>; empty where it has none.</param>
    /// <param name="dialect">How the server wants them.</param>
    /// <returns>Whether the model must call a tool.</returns>
    /// <exception cref="ConversationException">The choice demands a tool that is not offered.</exception>
    public bool WriteTo(BodyWriter output, ReadOnlyMemory<byte> choice, Dialect dialect)
    {
        var chosen = JsonMembers.Of(choice);
        var mode = choice;
        switch (JsonContent.Text(chosen["type"u8]))
        {
            case null:
                break;
            case "allowed_tools":
                mode = chosen["mode"u8];
                Keep(chosen["tools"u8]);
                break;
            case "function" or "custom":
                Forced = Wanted(chosen);
                mode = Force(Forced, dialect);
                break;
            case var type:
                throw Refused($"The model server cannot be offered '{type}', which 'tool_choice' demands.");
        }

        if (IsEmpty && JsonContent.Is(mode, "required"u8))
        {
            throw Refused("'tool_choice' demands a tool, and none that the model server can be offered is allowed.");
        }

        if (!IsEmpty)
        {
            WriteOffered(output);
            output.Raw(mode.IsEmpty ? default : ",\"tool_choice\":"u8).Raw(mode);
        }

        return Forced is not null || JsonContent.Is(mode, "required"u8);
    }

    private void WriteOffered(BodyWriter output)
    {
        for (var i = 0; i < _offered.Count; i++)
        {
            output.Raw(i == 0 ? ",\"tools\":["u8 : ","u8).Raw(_offered[i].Json);
        }

        output.Raw("]"u8);
    }

    /// <summary>Offers no others than these: a hard limit, whatever the model would like.</summary>
    private void Keep(ReadOnlyMemory<byte> allowed)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var spaces = new HashSet<string>(StringComparer.Ordinal);
        foreach (var element in JsonMembers.Elements(allowed))
        {
            var tool = JsonMembers.Of(element);
            var isSpace = JsonContent.Is(tool["type"u8], "namespace"u8);
            _ = isSpace
                ? spaces.Add(JsonContent.Text(tool["name"u8]) ?? string.Empty)
                : names.Add(FlatName(tool));
        }

        _offered.RemoveAll(tool =>
            !names.Contains(tool.FlatName) && !(tool.Namespace is { } space && spaces.Contains(space)));
    }

    private OfferedTool Wanted(in JsonMembers chosen)
    {
        var flat = FlatName(chosen);
        return Find(flat) ??
            throw Refused($"'tool_choice' demands the tool '{flat}', which is not among 'tools'.");
    }

    private static string FlatName(in JsonMembers tool) => ToolNames.Flat(
        JsonContent.Text(tool["namespace"u8]), JsonContent.Text(tool["name"u8]) ?? string.Empty);

    private ReadOnlyMemory<byte> Force(OfferedTool tool, Dialect dialect)
    {
        if (dialect.ForcedFunction == Dialect.ObjectForm)
        {
            return Nested(tool);
        }

        _offered.RemoveAll(other => !ReferenceEquals(other, tool));
        return Required;
    }

    private static ReadOnlyMemory<byte> Nested(OfferedTool tool) => new BodyWriter()
        .Raw("{\"type\":\"function\",\"function\":{\"name\":"u8).Quoted(tool.FlatName).Raw("}}"u8).ToArray();

    private static ConversationException Refused(string message) =>
        ConversationException.Of(RefusalKind.InvalidRequest, message, "tool_choice");
}
