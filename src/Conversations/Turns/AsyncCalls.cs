using System.Collections.Immutable;
using System.Text.Json;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Items;

namespace Evergrain.Conversations.Turns;

/// <summary>An async call: it may stay open for turns, and may have several outputs.</summary>
/// <param name="Type">The call's type.</param>
/// <param name="Outputs">How many outputs the branch holds for it.</param>
internal readonly record struct AsyncCall(string Type, int Outputs);

/// <summary>The async calls of a branch. Immutable.</summary>
/// <remarks>
/// <para>A call is async if its item says so. Where the item says nothing, the tool decides, as it was declared when
/// the call was made: in the <c>tools</c> of that create, or else in the newest <c>additional_tools</c> item
/// before.</para>
/// <para>All of this follows from items and parameters. So no record and no snapshot holds it, and a later declaration
/// of the tool changes nothing. Turns keep what was found, so each is read once.</para>
/// </remarks>
internal sealed class AsyncCalls
{
    /// <summary>The item type that offers tools from its place on.</summary>
    public const string AdditionalTools = "additional_tools";

    private static readonly AsyncCalls None = new();

    private ImmutableDictionary<string, AsyncCall> _calls =
        ImmutableDictionary.Create<string, AsyncCall>(StringComparer.Ordinal);

    private ImmutableDictionary<ToolName, bool> _tools = ImmutableDictionary<ToolName, bool>.Empty;

    private AsyncCalls()
    {
    }

    /// <summary>Every async call by its call id.</summary>
    public IReadOnlyDictionary<string, AsyncCall> Calls => _calls;

    /// <summary>The tools of <c>additional_tools</c> items, and whether they are async.</summary>
    public IReadOnlyDictionary<ToolName, bool> Tools => _tools;

    /// <summary>The async calls up to a place of a turn that has ended; none at the root.</summary>
    public static AsyncCalls Behind(Continuation place)
    {
        var missing = new Stack<Continuation>();
        for (; place.Turn is not null && KnownAt(place) is null; place = Before(place))
        {
            missing.Push(place);
        }

        var calls = KnownAt(place) ?? None;
        foreach (var next in missing)
        {
            var own = next.Branch.Length - Before(next).Branch.Length;
            calls = calls.With(next.Branch.Backwards().Take(own).Reverse(), next.Turn!.Parameters.Tools);
            if (next.IsInput)
            {
                next.Turn.AsyncCallsOfInput = calls;
            }
            else
            {
                next.Turn.AsyncCalls = calls;
            }
        }

        return calls;
    }

    /// <summary>Those behind some more items.</summary>
    /// <param name="items">The items, in order.</param>
    /// <param name="tools">What the create of these items declares.</param>
    public AsyncCalls With(IEnumerable<Item> items, DeclaredTools tools)
    {
        var next = new AsyncCalls { _calls = _calls, _tools = _tools };
        foreach (var item in items)
        {
            next.Add(item, tools);
        }

        return next._calls == _calls && next._tools == _tools ? this : next;
    }

    private static AsyncCalls? KnownAt(Continuation place) =>
        place.IsInput ? place.Turn?.AsyncCallsOfInput : place.Turn?.AsyncCalls;

    private static Continuation Before(Continuation place) =>
        place.IsInput ? place.Turn!.Continues : place with { IsInput = true };

    private void Add(Item item, DeclaredTools tools)
    {
        if (item.Type == AdditionalTools)
        {
            _tools = _tools.SetItems(DeclaredTools.ReadItem(item.Json, string.Empty).All);
        }
        else if (CallLedger.IsCall(item.Type))
        {
            AddCall(item, tools);
        }
        else if (CallLedger.Answers(item.Type) is { } type && !_calls.IsEmpty)
        {
            AddOutput(item, type);
        }
    }

    private void AddCall(Item item, DeclaredTools tools)
    {
        // Most calls are of tools that were never declared async: they are not read again.
        if (tools.FirstAsync is null && _tools.IsEmpty && item.Json.Span.IndexOf("\"async\""u8) < 0)
        {
            return;
        }

        using var tree = ItemTree.Read(item.Json.Span);
        if (ItemHead.Of(tree).CallId is { } callId && IsAsync(tree, tools))
        {
            _calls = _calls.SetItem(callId, new AsyncCall(item.Type, 0));
        }
    }

    private void AddOutput(Item item, string type)
    {
        using var tree = ItemTree.Read(item.Json.Span);
        if (ItemHead.Of(tree).CallId is { } callId && _calls.TryGetValue(callId, out var call) && call.Type == type)
        {
            _calls = _calls.SetItem(callId, call with { Outputs = call.Outputs + 1 });
        }
    }

    private bool IsAsync(ItemTree call, DeclaredTools tools)
    {
        var mark = call.Find(ItemTree.Root, "async"u8);
        if (mark != ItemTree.End && call.KindOf(mark) is JsonTokenType.True or JsonTokenType.False)
        {
            return call.KindOf(mark) == JsonTokenType.True;
        }

        if (call.StringOf(call.Find(ItemTree.Root, "name"u8)) is not { } name)
        {
            return false;
        }

        var tool = new ToolName(call.StringOf(call.Find(ItemTree.Root, "namespace"u8)), name);
        return tools.All.TryGetValue(tool, out var isAsync) ? isAsync : _tools.GetValueOrDefault(tool);
    }
}
