using System.Text;
using Evergrain.Conversations.Context;
using Evergrain.Conversations.Ids;
using Evergrain.Conversations.Items;
using Evergrain.Conversations.Ports;
using Evergrain.Conversations.Turns;
using Evergrain.Conversations.Wire;

namespace Evergrain.Conversations.Recognition;

/// <summary>
/// The history that a create without a parent brings along: where turns may have ended in it, and the create
/// that continues such an end.
/// </summary>
internal sealed class ResentHistory
{
    private readonly StartTurn _start;
    private readonly KnownPrefix? _known;
    private readonly CreateRequest _create;
    private readonly List<HistoryEnd> _ends = [];
    private readonly List<CheckedItem> _items = [];
    private Digest _context;

    private ResentHistory(StartTurn start, KnownPrefix? known, CreateRequest create)
    {
        (_start, _known, _create) = (start, known, create);
        _context = known?.Read.Context ?? ItemDigest.Root;
        Scopes = create.Store ? [ScopeOf(isStored: true)] : [ScopeOf(isStored: false), ScopeOf(isStored: true)];
        Hint = HistoryHint.Of(ValueOf("prompt_cache_key"), HistoryHint.OfSession(start.Origin.Session));
    }

    /// <summary>Whether its create is stored.</summary>
    public bool IsStored => _create.Store;

    /// <summary>Where the turns are that it may continue: a stored create continues stored turns alone.</summary>
    public IReadOnlyList<RecognitionScope> Scopes { get; }

    /// <summary>What its client calls its chat: see <see cref="HistoryMark.Hint"/>.</summary>
    public ulong Hint { get; }

    /// <summary>The places behind an item that a model makes, in order, as far as it was read; at least one.</summary>
    public IReadOnlyList<HistoryEnd> Ends => _ends;

    /// <summary>
    /// Its items, up to the first that refers to another one; null where the first of all are left out.
    /// </summary>
    public IReadOnlyList<CheckedItem>? Checked => _known is null ? _items : null;

    private ReadOnlyMemory<byte> Bytes => _known?.Rest ?? _start.Create;

    /// <summary>Reads the history of a create, each item once.</summary>
    /// <param name="start">The create.</param>
    /// <param name="known">The items that are left out; null: none are.</param>
    /// <returns>Null where it brings none, or is wrong: then the conversation refuses it.</returns>
    public static ResentHistory? Read(StartTurn start, KnownPrefix? known = null)
    {
        try
        {
            var create = known is null ? start.Read() : CreateRequest.Parse(known.Rest);
            if (create.PreviousResponseId is not null)
            {
                return null;
            }

            var history = new ResentHistory(start, known, create);
            history.ReadItems();
            return history._ends.Count > 0 && history.Count <= Limits.InputItemsMax && !history.NamesItemsOfClient()
                ? history
                : null;
        }
        catch (ConversationException)
        {
            return null;
        }
    }

    /// <summary>The start that continues a turn with the items behind one of the places.</summary>
    /// <param name="parent">The turn that ends there.</param>
    /// <param name="count">Items before the place.</param>
    public StartTurn Continue(ResponseId parent, int count)
    {
        var bytes = Bytes.Span;
        var input = _create.Input;
        var place = count - (_known?.Read.Count ?? 0);
        var from = OffsetOf(input[0]);
        var to = place < input.Count ? OffsetOf(input[place]) : EndOf(input[^1]);
        byte[] rest = [.. bytes[..from], .. bytes[to..]];
        return _start with
        {
            Key = _start.Key with { Id = parent.Conversation },
            Create = CreateCut.WithParent(rest, Encoding.ASCII.GetBytes($"\"{parent}\"")),
            IsRecognised = true,
            Known = null,
        };
    }

    /// <summary>Notes the bytes of its input, unless it could not be read to its end.</summary>
    public void AddTo(KnownInputs inputs)
    {
        if (_items.Count == _create.Input.Count)
        {
            // What stands behind the items is the same in both.
            var create = _start.Create.Span;
            var end = create.Length - (Bytes.Length - EndOf(_create.Input[^1]));
            var begin = _known?.Start ?? OffsetOf(_create.Input[0]);
            inputs.Add(_start.Key.Tenant, create[begin..end], new HistoryEnd(Count, _context), _known);
        }
    }

    private int Count => (_known?.Read.Count ?? 0) + _create.Input.Count;

    private ReadOnlyMemory<byte> ValueOf(string name) =>
        _create.Parameters.Find(parameter => parameter.Field.Name == name).Json;

    private RecognitionScope ScopeOf(bool isStored) =>
        RecognitionScope.Of(_start.Key.Tenant, ValueOf("safety_identifier"), ValueOf("user"), isStored);

    private int OffsetOf(ReadOnlyMemory<byte> item) => Bytes.Span.Overlaps(item.Span, out var offset)
        ? offset
        : throw new InvalidOperationException("no item of it");

    private int EndOf(ReadOnlyMemory<byte> item) => OffsetOf(item) + item.Length;

    private void ReadItems()
    {
        foreach (var json in _create.Input)
        {
            using var item = ItemTree.Read(json.Span);
            var head = ItemHead.Of(item);
            if (head.Type == ItemHead.Reference)
            {
                // What it stands for is not known here, and so no digest behind it.
                return;
            }

            new ItemRules(item, string.Empty).Check(head);
            _context = ItemDigest.Chain(_context, item);
            _items.Add(new CheckedItem(head, _context));
            if (IsMade(head))
            {
                _ends.Add(new HistoryEnd((_known?.Read.Count ?? 0) + _items.Count, _context));
            }
        }
    }

    /// <summary>
    /// Whether an item refers to another one by a name that the client gave. The conversation has that one as it was
    /// stored, and the client may have given the name to another item since.
    /// </summary>
    private bool NamesItemsOfClient() => _create.Input.Skip(_items.Count).Any(static json =>
    {
        using var item = ItemTree.Read(json.Span);
        return ItemHead.Of(item).Type == ItemHead.Reference && ItemHead.IdOf(item) is { } id &&
            !ItemList.TryParseOutputId(id, out _, out _, out _);
    });

    /// <summary>Whether a model makes items of this kind: only behind such an item a turn ends.</summary>
    private static bool IsMade(in ItemHead head) => head.Type == "message"
        ? head.Role == ItemRole.Assistant
        : !head.Type.EndsWith("_output", StringComparison.Ordinal);
}

/// <summary>A place in a history where a turn may have ended.</summary>
/// <param name="Count">Items before it.</param>
/// <param name="Context">The digest of those items.</param>
internal readonly record struct HistoryEnd(int Count, Digest Context);
