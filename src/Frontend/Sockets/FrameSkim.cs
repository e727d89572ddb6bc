using Evergrain.Conversations.Ports;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Sockets;

/// <summary>What a client's frame asks for.</summary>
internal enum FrameKind
{
    /// <summary><c>response.create</c></summary>
    Create,

    /// <summary><c>response.cancel</c></summary>
    Cancel,

    /// <summary><c>response.processed</c>: an acknowledgement nobody waits for.</summary>
    Processed,
}

/// <summary>The routing fields of one frame.</summary>
internal readonly record struct FrameSkim(FrameKind Kind)
{
    /// <summary>Those of a create.</summary>
    public CreateSkim Create { get; private init; }

    /// <summary>The response a cancel names, as it came; null means the running one.</summary>
    public string? ResponseId { get; private init; }

    /// <summary>Reads a frame's top level once, without building anything of the rest.</summary>
    /// <returns>Why the frame is refused; null if it is not.</returns>
    public static Refusal? Read(ReadOnlySpan<byte> frame, out FrameSkim skim)
    {
        skim = default;
        return RoutingFields.Read(frame, out var fields) ?? Judge(fields, out skim);
    }

    private static Refusal? Judge(RoutingFields fields, out FrameSkim skim)
    {
        skim = default;
        switch (fields.Type)
        {
            case "response.create":
                return JudgeCreate(fields, out skim);
            case "response.cancel":
                skim = new FrameSkim(FrameKind.Cancel) { ResponseId = fields.Response };
                return null;
            case "response.processed":
                skim = new FrameSkim(FrameKind.Processed);
                return null;
            case null:
                return new Refusal(RefusalKind.MissingField, "'type' is missing: send 'response.create'.", "type");
            default:
                return new Refusal(RefusalKind.InvalidRequest,
                    $"The type '{RoutingFields.Shorten(fields.Type)}' is not known: send 'response.create'.", "type");
        }
    }

    private static Refusal? JudgeCreate(RoutingFields fields, out FrameSkim skim)
    {
        skim = default;
        if (fields.HasLane)
        {
            return new Refusal(RefusalKind.InvalidRequest,
                "Lanes are not supported yet: leave 'stream_id' out.", "stream_id");
        }

        var refusal = CreateSkim.Judge(fields, out var create);
        skim = new FrameSkim(FrameKind.Create) { Create = create };
        return refusal;
    }
}
