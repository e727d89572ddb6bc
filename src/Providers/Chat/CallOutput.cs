using System.Buffers;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Chat;

/// <summary>A call that streams: of a function, or of a custom tool that was offered as one.</summary>
/// <remarks>
/// It becomes an item when its name is whole: when arguments follow it, or the answer ends. A name that comes again is
/// no second piece of it.
/// </remarks>
internal sealed class CallOutput(int? index, CallTools tools, CallIds ids) : AnswerOutput
{
    // Sixteen times what a tool's name may have.
    private const int NameCharsMax = 1024;

    private readonly StreamedText _arguments = new();
    private readonly ArgumentsLead _lead = new();
    private readonly StreamedText _input = new();
    private readonly ArrayBufferWriter<byte> _early = new();
    private readonly ArrayBufferWriter<byte> _unwrapped = new();
    private ArgumentsProgress _progress;
    private InputUnwrapper? _unwrapper;
    private byte[] _meant = [];
    private string? _id;
    private string _name = string.Empty;
    private bool _hasArguments;
    private bool _isEnded;

    public int? Index { get; } = index;

    public override bool IsAnswer => true;

    public override bool IsWhole => _progress.IsWhole || _lead.IsClosed;

    public override bool IsCut => _unwrapper is null ? _progress.IsOpen && !IsWhole : _unwrapper.IsInInput;

    /// <summary>Whether a piece without a name means this call, whatever its number.</summary>
    public bool IsCalled(in CallPiece piece) =>
        string.IsNullOrEmpty(piece.Name) && !string.IsNullOrEmpty(piece.Id) && piece.Id == _id;

    /// <summary>Whether a piece that seems to go on with this call begins another one.</summary>
    public bool IsOther(in CallPiece piece)
    {
        if (string.IsNullOrEmpty(piece.Name))
        {
            return false;
        }

        var isAgain = !string.IsNullOrEmpty(piece.Id) && piece.Id == _id;
        if (!string.IsNullOrEmpty(piece.Id) && !string.IsNullOrEmpty(_id) && !isAgain)
        {
            return true;
        }

        // Some servers number all calls 0, others none, and some call all of them the same.
        return IsWhole && !TextOutput.IsBlank(piece.Arguments) ? !(isAgain && _lead.IsClosed)
            : !isAgain && (piece.Index is null
                ? piece.IsBehindOther || (_hasArguments && !_progress.IsOpen)
                : IsStarted && piece.Name != _name);
    }

    public void Add(in CallPiece piece, List<ModelEvent> events)
    {
        _id = string.IsNullOrEmpty(_id) ? piece.Id : _id;
        ServerData = piece.ServerData.IsEmpty ? ServerData : piece.ServerData;
        AddName(piece.Name);
        if (piece.Arguments.IsEmpty)
        {
            return;
        }

        if (_isEnded)
        {
            RefuseMore(piece.Arguments);
            return;
        }

        _hasArguments = true;
        if (_name.Length == 0)
        {
            _early.Write(piece.Arguments);
            return;
        }

        Start(events);
        AddArguments(piece.Arguments, events);
    }

    public override void End(List<ModelEvent> events)
    {
        if (_name.Length == 0)
        {
            throw new FormatException("The model server sent a tool call without a name.");
        }

        Start(events);
        _isEnded = true;
        Take(_lead.Next(_arguments.End()), events);
        Take(_lead.End(isText: _unwrapper is not null), events);
        if (_unwrapper is not null)
        {
            _unwrapped.ResetWrittenCount();
            _unwrapper.End(_unwrapped);
            AddDelta(_input.Next(_unwrapped.WrittenSpan), events);
            AddDelta(_input.End(), events);
        }

        AddEnd(events);
    }

    public override void Cut(List<ModelEvent> events)
    {
        if (IsWhole)
        {
            End(events);
        }
        else if (_name.Length > 0)
        {
            Start(events);
        }
    }

    private static void RefuseMore(ReadOnlySpan<byte> arguments)
    {
        if (!TextOutput.IsBlank(arguments))
        {
            throw new FormatException("The model server went on with a tool call that was whole.");
        }
    }

    private void AddName(string? piece)
    {
        if (string.IsNullOrEmpty(piece) || piece == _name)
        {
            return;
        }

        if (IsStarted || _name.Length + piece.Length > NameCharsMax)
        {
            throw new FormatException("The model server changed the name of a tool call, or the name is too long.");
        }

        _name += piece;
    }

    private void Start(List<ModelEvent> events)
    {
        if (IsStarted)
        {
            return;
        }

        IsStarted = true;
        var tool = tools.FindMeant(_name);
        if (tools.Forced is { } forced && forced.FlatName != tool?.FlatName)
        {
            // Some servers take a forced function for advice. A client would run a tool that it did not ask for.
            throw new FormatException($"The model called '{_name}', and 'tool_choice' demands '{forced.FlatName}'.");
        }

        _unwrapper = tool is { IsCustom: true } ? new InputUnwrapper(tool.Name) : null;
        events.Add(new ModelEvent(ModelEventKind.ItemStarted)
        {
            Item = _unwrapper is null ? OutputKind.FunctionCall : OutputKind.CustomToolCall,
            Name = tool?.Name ?? _name,
            Namespace = tool?.Namespace,
            CallId = ids.Next(_id),
        });
        events.Add(new ModelEvent(ModelEventKind.PartStarted)
        {
            Part = _unwrapper is null ? PartKind.Arguments : PartKind.Input,
        });
        AddArguments(_early.WrittenSpan, events);
    }

    private void AddArguments(ReadOnlySpan<byte> piece, List<ModelEvent> events) =>
        Take(_lead.Next(_arguments.Next(piece)), events);

    private void Take(ReadOnlySpan<byte> spelled, List<ModelEvent> events)
    {
        if (spelled.IsEmpty)
        {
            return;
        }

        if (_meant.Length < spelled.Length)
        {
            _meant = new byte[Math.Max(spelled.Length, 256)];
        }

        var meant = _meant.AsSpan(0, JsonContent.Unescape(spelled, _meant));
        _progress.Read(meant);
        if (_unwrapper is null)
        {
            AddDelta(spelled, events);
            return;
        }

        _unwrapped.ResetWrittenCount();
        _unwrapper.Read(spelled, meant, _unwrapped);
        AddDelta(_input.Next(_unwrapped.WrittenSpan), events);
    }
}
