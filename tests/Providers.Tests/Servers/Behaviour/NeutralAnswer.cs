using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Tests.Servers.Behaviour;

/// <summary>What a model says, in no API's words.</summary>
/// <param name="End">How it ends.</param>
/// <param name="Pieces">What it says before.</param>
internal sealed record NeutralAnswer(AnswerEnd End, params AnswerPiece[] Pieces)
{
    /// <summary>What the call used; null: the server does not say.</summary>
    public Usage? Usage { get; init; }
}

internal enum AnswerEnd
{
    /// <summary>Nothing more to say.</summary>
    Stop,

    /// <summary>It waits for the outputs of its calls.</summary>
    Calls,

    /// <summary>Cut at the bound of its tokens, in the middle of its last piece.</summary>
    Length,

    /// <summary>Cut by a content filter, in the middle of its last piece.</summary>
    Filter,

    /// <summary>It is not over: the last piece is open.</summary>
    Open,
}

internal abstract record AnswerPiece
{
    /// <summary>Text, in deltas.</summary>
    internal sealed record Say(params string[] Deltas) : AnswerPiece;

    /// <summary>Thoughts in plain text, in deltas.</summary>
    internal sealed record Think(params string[] Deltas) : AnswerPiece;

    /// <summary>A refusal, in deltas.</summary>
    internal sealed record Refuse(params string[] Deltas) : AnswerPiece;

    /// <summary>Calls of functions, made at the same time.</summary>
    internal sealed record Call(params FunctionCall[] Calls) : AnswerPiece;
}

/// <summary>One call, its arguments in deltas.</summary>
internal sealed record FunctionCall(string Id, string Name, params string[] Arguments);
