namespace Evergrain.Providers.Demo;

/// <summary>A script as one user message gave it. Shared by the states of all items that follow it.</summary>
/// <param name="Steps">Its steps; none if it is malformed.</param>
/// <param name="Fault">What is wrong with it, as the end of a sentence; null if nothing is.</param>
internal sealed record Script(IReadOnlyList<Step> Steps, string? Fault)
{
    public static Script Malformed(string fault) => new([], fault);

    /// <summary>How many messages and calls answer a step; past the end it is one message.</summary>
    public int AnswersOf(int step) => step < Steps.Count ? Steps[step].Answers : 1;
}

/// <summary>What one model call does, in order: a <c>think</c> or <c>parallel</c> step has several acts.</summary>
internal sealed record Step(IReadOnlyList<Act> Acts, UsageFigures? Usage)
{
    /// <summary>Acts that end in a message or a call; thoughts answer nothing.</summary>
    public int Answers { get; } = Acts.Count(act => act.Kind != ActKind.Think);

    /// <summary>The acts behind the first <paramref name="answered"/> messages and calls.</summary>
    public IEnumerable<Act> ActsAfter(int answered)
    {
        foreach (var act in Acts)
        {
            if (answered == 0)
            {
                yield return act;
            }
            else if (act.Kind != ActKind.Think)
            {
                answered--;
            }
        }
    }
}

internal enum ActKind
{
    /// <summary>A message; <see cref="Act.Text"/>.</summary>
    Say,

    /// <summary>A message of <see cref="Act.Count"/> bytes.</summary>
    Bytes,

    /// <summary>A reasoning item; <see cref="Act.Text"/>.</summary>
    Think,

    /// <summary>A call of the offered shell tool; <see cref="Act.Text"/> is the command.</summary>
    Shell,

    /// <summary>A function call; <see cref="Act.Text"/> is its arguments.</summary>
    Call,

    /// <summary>A custom tool call; <see cref="Act.Text"/> is its input.</summary>
    Custom,

    /// <summary>A failure, <see cref="Act.Name"/>, after <see cref="Act.Count"/> events of a message.</summary>
    Fail,

    /// <summary>A message, then an early end; <see cref="Act.Name"/> is the reason.</summary>
    Stop,
}

/// <summary>One thing the model does: at most one output item.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Delay">How long it waits before its first event.</param>
/// <param name="Chunk">How long it waits between two deltas.</param>
internal sealed record Act(ActKind Kind, TimeSpan Delay, TimeSpan Chunk)
{
    /// <summary>JSON string content, escaped, without quotes.</summary>
    public ReadOnlyMemory<byte> Text { get; init; }

    /// <summary>A tool's name, or a code.</summary>
    public string? Name { get; init; }

    /// <summary>The namespace that the step names for its tool.</summary>
    public string? Namespace { get; init; }

    public int Count { get; init; }
}
