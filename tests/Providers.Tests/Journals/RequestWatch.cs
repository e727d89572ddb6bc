using Azure.Core;
using Azure.Core.Pipeline;

namespace Evergrain.Providers.Tests.Journals;

/// <summary>Something that befalls a process at one of its requests to Azure.</summary>
public enum Fate
{
    /// <summary>It dies before the request is sent.</summary>
    KilledBefore,

    /// <summary>It dies after the storage has done what was asked.</summary>
    KilledBehind,

    /// <summary>It stands still before the request is sent.</summary>
    PausedBefore,

    /// <summary>It stands still after the storage has done what was asked.</summary>
    PausedBehind,

    /// <summary>The request does not arrive.</summary>
    RequestCut,

    /// <summary>The storage does what was asked, and its answer does not arrive.</summary>
    AnswerCut,
}

/// <summary>Counts the requests of one process, and lets something happen at one of them.</summary>
internal sealed class RequestWatch : HttpPipelinePolicy
{
    private readonly TaskCompletionSource _resumed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _met = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _at;
    private int _count;
    private int _cuts;
    private bool _isEach;
    private Fate _fate;

    /// <summary>Is told that the next request, or its answer, is to be cut, and to which port it goes.</summary>
    public Action<int, bool>? Cut { get; init; }

    /// <summary>Ends when the request is there; it never does if there are fewer.</summary>
    public Task Met => _met.Task;

    /// <summary>Requests since it was armed.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Counts from now on, and lets nothing happen.</summary>
    public void Arm() => Arm(int.MaxValue, default);

    public void Arm(int request, Fate fate) => (_at, _count, _fate) = (request, 0, fate);

    /// <summary>How many requests and answers were cut by <see cref="CutEach"/>.</summary>
    public int Cuts => Volatile.Read(ref _cuts);

    /// <summary>Of so many requests one is cut from now on, and then an answer, in turn. The next try is not.</summary>
    public void CutEach(int requests) => (_at, _count, _isEach) = (requests, 0, true);

    /// <summary>Lets a paused process go on.</summary>
    public void Resume() => _resumed.TrySetResult();

    public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) =>
        ProcessNext(message, pipeline);

    public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
    {
        var count = _at == 0 ? -1 : Interlocked.Increment(ref _count);
        if (_isEach ? count % _at != 0 : count != _at)
        {
            await ProcessNextAsync(message, pipeline);
            return;
        }

        if (_isEach)
        {
            Cut!(message.Request.Uri.Port, Interlocked.Increment(ref _cuts) % 2 == 0);
            await ProcessNextAsync(message, pipeline);
            return;
        }

        var isBehind = _fate is Fate.KilledBehind or Fate.PausedBehind;
        if (isBehind)
        {
            await ProcessNextAsync(message, pipeline);
        }

        await MeetAsync(message.Request.Uri.Port);
        if (!isBehind)
        {
            await ProcessNextAsync(message, pipeline);
        }
    }

    private async Task MeetAsync(int port)
    {
        if (_fate is Fate.RequestCut or Fate.AnswerCut)
        {
            Cut!(port, _fate == Fate.AnswerCut);
        }

        _met.TrySetResult();
        if (_fate is Fate.KilledBefore or Fate.KilledBehind)
        {
            throw new ProcessKilledException();
        }

        if (_fate is Fate.PausedBefore or Fate.PausedBehind)
        {
            await _resumed.Task;
        }
    }
}

/// <summary>The process is gone: nothing of it runs on.</summary>
public sealed class ProcessKilledException : Exception;
