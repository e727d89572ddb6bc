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
    /// <summary>Stands behind the id of a parent whose input is continued alone.</summary>
    /// <remarks>A conversation of an earlier build finds no such parent, and the create begins anew.</remarks>
    public const string InputMark = "@input";

    private readonly StartTurn _start;
    private readonly KnownPrefix? _known;
    private readonly CreateRequest _create;
    private readonly List<HistoryEnd> _ends = [];
    private readonly List<CheckedItem> _items = [];
    private Digest _context;
    private int _read;

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

    /// <summary>The places behind an item that a model makes, in order, as far as it was read.</summary>
    public IReadOnlyList<HistoryEnd> Ends => _ends;

    /// <summary>
    /// The output items that it names from where reading stopped, in order; none where one of them cannot be there.
    /// </summary>
    public IReadOnlyList<ForeignItem> Names { get; private set; } = [];

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
            history.ReadItems(places: null);
            return history.Count <= Limits.InputItemsMax && history.ReadNames() &&
                (history._ends.Count > 0 || history.Names.Count > 0)
                ? history
                : null;
        }
        catch (ConversationException)
        {
            return null;
        }
    }

    /// <summary>Reads on where it stopped at a name.</summary>
    /// <param name="places">Where the items stand that it names, by their ids.</param>
    public void ReadOn(ILookup<string, ItemPlace> places)
    {
        try
        {
            ReadItems(places);
        }
        catch (ConversationException)
        {
            // The conversation refuses the item. The places before it count no less.
        }
    }

    /// <summary>Whether it has the items that go on from a place: they may be among those that are left out.</summary>
    public bool CanContinue(HistoryEnd end, HistoryPlace place) => end.Count - place.Rest >= (_known?.Read.Count ?? 0);

    /// <summary>The start that continues a turn with the items behind one of the places.</summary>
    /// <param name="parent">The turn.</param>
    /// <param name="end">The place.</param>
    /// <param name="goesOn">Where the turn goes on.</param>
    public StartTurn Continue(ResponseId parent, HistoryEnd end, HistoryPlace goesOn)
    {
        var bytes = Bytes.Span;
        var input = _create.Input;
        var place = end.Count - goesOn.Rest - (_known?.Read.Count ?? 0);
        var from = OffsetOf(input[0]);
        var to = place < input.Count ? OffsetOf(input[place]) : EndOf(input[^1]);
        byte[] rest = [.. bytes[..from], .. bytes[to..]];
        return _start with
        {
            Key = _start.Key with { Id = parent.Conversation },
            Create = CreateCut.WithParent(
                rest, Encoding.ASCII.GetBytes($"\"{parent}{(goesOn.Rest > 0 ? InputMark : string.Empty)}\"")),
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

    private void ReadItems(ILookup<string, ItemPlace>? places)
    {
        for (; _read < _create.Input.Count; _read++)
        {
            using var item = ItemTree.Read(_create.Input[_read].Span);
            var head = ItemHead.Of(item);
            if (head.Type == ItemHead.Reference)
            {
                var before = _context;
                if (places?[ItemHead.IdOf(item)!].FirstOrDefault(place => place.Before == before) is not
                    { Id: not null } named)
                {
                    // What it stands for is not known here, or stands elsewhere, and so no digest behind it.
                    return;
                }

                _context = named.After;
            }
            else
            {
                new ItemRules(item, string.Empty).Check(head);
                _context = ItemDigest.Chain(_context, item);
                if (_items.Count == _read)
                {
                    _items.Add(new CheckedItem(head, _context));
                }
            }

            if (head.Type == ItemHead.Reference || IsMade(head))
            {
                _ends.Add(new HistoryEnd((_known?.Read.Count ?? 0) + _read + 1, _context));
            }
        }
    }

    /// <summary>
    /// Reads which items it names behind the first name. A name that the client gave is not looked up: the conversation
    /// has that item as it was stored, and the client may have given the name to another item since.
    /// </summary>
    /// <returns>Whether the server gave all of these names.</returns>
    private bool ReadNames()
    {
        var names = new List<ForeignItem>();
        foreach (var json in _create.Input.Skip(_read))
        {
            using var item = ItemTree.Read(json.Span);
            if (ItemHead.Of(item).Type == ItemHead.Reference && ItemHead.IdOf(item) is { } id)
            {
                if (!ItemList.TryParseOutputId(id, out var conversation, out var turn, out var index))
                {
                    return false;
                }

                names.Add(new ForeignItem(id, new ResponseId(conversation, turn), index));
            }
        }

        Names = names.TrueForAll(static name => name.Response.Turn.IsStored) ? names : [];
        return true;
    }

    /// <summary>Whether a model makes items of this kind: only behind such an item a turn ends.</summary>
    private static bool IsMade(in ItemHead head) => head.Type == "message"
        ? head.Role == ItemRole.Assistant
        : !head.Type.EndsWith("_output", StringComparison.Ordinal);
}

/// <summary>A place in a history where a turn may have ended.</summary>
/// <param name="Count">Items before it.</param>
/// <param name="Context">The digest of those items.</param>
internal readonly record struct HistoryEnd(int Count, Digest Context);
