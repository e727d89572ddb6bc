using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Evergrain.Providers.Demo;

/// <summary>An offered tool.</summary>
/// <param name="IsCustom">Whether it takes free text instead of JSON arguments.</param>
/// <param name="Namespace">The namespace it was offered in; a call of it must carry that.</param>
/// <param name="IsAsync">Whether its output may come turns later; a call of it says so.</param>
internal readonly record struct Tool(bool IsCustom, string? Namespace, bool IsAsync);

/// <summary>The function and custom tools that are offered, by name.</summary>
internal sealed class Toolset
{
    public static readonly Toolset Empty = new(ImmutableDictionary<string, Tool>.Empty);

    // A conversation holds each distinct tool list once and never changes it, so its array stands for its content:
    // 18 KB of tools are parsed once, not with each turn. Entries go when their array does.
    private static readonly ConditionalWeakTable<byte[], KnownTools> Known = [];

    private readonly ImmutableDictionary<string, Tool> _tools;

    private Toolset(ImmutableDictionary<string, Tool> tools) => _tools = tools;

    /// <summary>Whether there is nothing to call.</summary>
    public bool IsEmpty => _tools.IsEmpty;

    /// <summary>The tools in a create's <c>tools</c>, whose bytes never change.</summary>
    public static Toolset ReadHeld(ReadOnlyMemory<byte> json)
    {
        var isArray = MemoryMarshal.TryGetArray(json, out var place) && place.Array is not null;
        if (isArray && Known.TryGetValue(place.Array!, out var known) && known.Place == place)
        {
            return known.Tools;
        }

        using var document = JsonDocument.Parse(json);
        var tools = Read(document.RootElement);
        if (isArray)
        {
            Known.AddOrUpdate(place.Array!, new KnownTools(place, tools));
        }

        return tools;
    }

    /// <summary>The tools in an array. What is no function, custom tool or namespace is passed over.</summary>
    public static Toolset Read(JsonElement tools)
    {
        var found = Empty._tools.ToBuilder();
        Collect(tools, null, found);
        return new Toolset(found.ToImmutable());
    }

    /// <summary>Both sets; where names meet, the other one's tool.</summary>
    public Toolset With(Toolset other) => IsEmpty ? other :
        other.IsEmpty ? this : new Toolset(_tools.SetItems(other._tools));

    public bool TryFind(string name, out Tool tool) => _tools.TryGetValue(name, out tool);

    private static void Collect(JsonElement tools, string? space, ImmutableDictionary<string, Tool>.Builder found)
    {
        if (tools.ValueKind != JsonValueKind.Array)
        {
            return;
        }

        foreach (var tool in tools.EnumerateArray())
        {
            var type = Member(tool, "type");
            if (Member(tool, "name") is not { } name)
            {
                continue;
            }

            if (type is "function" or "custom")
            {
                var isAsync = DemoJson.TryMember(tool, "async", out var mark) && mark.ValueKind == JsonValueKind.True;
                found[name] = new Tool(type == "custom", space, isAsync);
            }
            else if (type == "namespace" && DemoJson.TryMember(tool, "tools", out var inner))
            {
                Collect(inner, name, found);
            }
        }
    }

    private static string? Member(JsonElement tool, string name) =>
        DemoJson.TryMember(tool, name, out var value)
            ? DemoJson.Text(value)
            : null;

    private sealed class KnownTools(ArraySegment<byte> place, Toolset tools)
    {
        // Holding the key from the value is allowed: the table lets go of both together.
        public ArraySegment<byte> Place { get; } = place;

        public Toolset Tools { get; } = tools;
    }
}
