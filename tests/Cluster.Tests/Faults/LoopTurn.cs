using System.Globalization;
using System.Text.Json;
using Evergrain.Suites.Crash;
using Evergrain.Suites.Hosting;

namespace Evergrain.Cluster.Tests.Faults;

/// <summary>A turn as its client lived through it.</summary>
internal sealed class LoopTurn(SentTurn sent, ModelPace pace)
{
    private int _deltas;

    public SentTurn Sent { get; } = sent;

    /// <summary>When it was sent first; timestamps of the system's clock.</summary>
    public long Begun { get; } = TimeProvider.System.GetTimestamp();

    /// <summary>When its first event came; 0: none has.</summary>
    public long Created { get; private set; }

    /// <summary>When its terminal event came; 0: none has.</summary>
    public long Ended { get; private set; }

    /// <summary>Whether an event came since it was sent last.</summary>
    public bool HasEvents { get; private set; }

    public bool IsInterrupted => Sent.Response?.IsInterrupted == true;

    /// <summary>How much longer it took than its model, or has taken by now.</summary>
    public TimeSpan Pause
    {
        get
        {
            var end = Ended == 0 ? TimeProvider.System.GetTimestamp() : Ended;
            var pause = TimeProvider.System.GetElapsedTime(Begun, end) - pace.TimeOf(_deltas);
            return pause > TimeSpan.Zero ? pause : TimeSpan.Zero;
        }
    }

    /// <summary>It was sent again: its events come from the beginning.</summary>
    public void Again()
    {
        Sent.Again();
        (_deltas, HasEvents) = (0, false);
    }

    public void See(JsonElement frame)
    {
        Sent.See(frame);
        HasEvents = true;
        var now = TimeProvider.System.GetTimestamp();
        Created = Created == 0 ? now : Created;
        Ended = Sent.IsAcknowledged ? now : 0;
        _deltas += frame.TypeOf() == "response.output_text.delta" ? 1 : 0;
    }
}

/// <summary>How long a demo model takes: before its first delta, and between two.</summary>
internal sealed record ModelPace(TimeSpan Delay, TimeSpan Chunk)
{
    // So many deltas has what it says.
    private const int Deltas = 9;
    private const double DelayShare = 0.6;

    /// <summary>Spreads a turn's time over its delay and its deltas.</summary>
    public static ModelPace Of(TimeSpan time) => new(time * DelayShare, time * (1 - DelayShare) / (Deltas - 1));

    public TimeSpan TimeOf(int deltas) => Delay + (Chunk * Math.Max(deltas - 1, 0));

    /// <summary>The script that makes the model say what <see cref="Deltas"/> deltas hold.</summary>
    public string Script() => string.Create(CultureInfo.InvariantCulture,
        $"@@script [{{\"say\":\"{new string('x', Deltas * 24)}\",\"delay_ms\":{Delay.TotalMilliseconds:f0}," +
        $"\"chunk_ms\":{Chunk.TotalMilliseconds:f0}}}]");
}
