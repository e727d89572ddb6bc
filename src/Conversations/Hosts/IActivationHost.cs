namespace Evergrain.Conversations.Hosts;

/// <summary>The threads and the place of one <see cref="Activation"/>.</summary>
public interface IActivationHost
{
    /// <summary>Gives the activation one input, alone. The task ends when that was done, and never fails.</summary>
    Task TellAsync(Action<Activation> input);

    /// <summary>Begins work that reports back with <see cref="TellAsync"/>, on a thread of the host's choice.</summary>
    Task BesideAsync(Func<Task> work);

    /// <summary>Runs this once the input has returned.</summary>
    void Answer(Action give);

    /// <summary>The activation has ended.</summary>
    void Ended(ActivationEnd end);
}
